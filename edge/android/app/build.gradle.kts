// The app: one screen, the library, and LiteRT. The model is app/src/main/assets/model.tflite.
plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "kerasbertsuite.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "kerasbertsuite.app"
        minSdk = 24
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    kotlinOptions {
        jvmTarget = "17"
    }

    androidResources {
        // The model is mapped into memory, so the package keeps it as it is.
        noCompress += "tflite"
    }
}

dependencies {
    implementation(project(":library"))
    implementation(libs.litert)
}
