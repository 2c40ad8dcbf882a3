// The library: plain Java, no dependency; its one resource is the table of Unicode of the conformance vectors.
plugins {
    `java-library`
}

tasks.withType<JavaCompile>().configureEach {
    options.release.set(8)
    options.encoding = "UTF-8"
}

tasks.processResources {
    from("../../conformance/unicode.json") {
        into("kerasbertsuite")
    }
}

tasks.register<JavaExec>("conformance") {
    description = "Runs the conformance vectors."
    group = "verification"
    classpath = sourceSets["test"].runtimeClasspath
    mainClass.set("kerasbertsuite.Conformance")
    args("../../conformance")
}
