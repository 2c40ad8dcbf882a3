package kerasbertsuite;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * What the tokenizers need to know of Unicode, from {@code unicode.json} of the conformance vectors.
 *
 * <p>The tables are those of the library that the models were trained with. Platforms have other versions of Unicode,
 * so nothing here is asked of {@code Character} or {@code Normalizer}. What each table is, the README of the vectors
 * says.
 */
final class Unicode {
    private static final int HANGUL = 0xAC00;
    private static final int HANGUL_COUNT = 11172;
    private static final int VOWELS = 21;
    private static final int TRAILS = 28;

    final CodePointSet accents;
    final CodePointSet nonspacing;
    final CodePointSet removed;
    final CodePointSet spaces;
    final CodePointSet white;
    final CodePointSet blank;
    final CodePointSet alone;
    final CodePointSet chinese;
    final CodePointSet words;
    final CodePointSet letters;
    final CodePointSet numbers;
    final CodePointSet regexSpaces;
    final CodePointSet marks;
    final CodePointSet prepended;
    final CodePointSet controls;
    final CodePointMap lowercase;
    private final CodePointMap canonical;
    private final CodePointMap compatible;
    private final CodePointSet[] classes;
    private final int[] classNumbers;

    private Unicode(JsonObject tables) {
        accents = CodePointSet.of(tables.list("accents"));
        nonspacing = CodePointSet.of(tables.list("nonspacing"));
        removed = CodePointSet.of(tables.list("removed"));
        spaces = CodePointSet.of(tables.list("spaces"));
        white = CodePointSet.of(tables.list("white"));
        blank = CodePointSet.of(tables.list("blank"));
        alone = CodePointSet.of(tables.list("alone"));
        chinese = CodePointSet.of(tables.list("chinese"));
        words = CodePointSet.of(tables.list("words"));
        letters = CodePointSet.of(tables.list("letters"));
        numbers = CodePointSet.of(tables.list("numbers"));
        regexSpaces = CodePointSet.of(tables.list("regex_spaces"));
        marks = CodePointSet.of(tables.list("marks"));
        prepended = CodePointSet.of(tables.list("prepended"));
        controls = CodePointSet.of(tables.list("controls"));
        lowercase = CodePointMap.of(tables.object("lowercase"));
        canonical = CodePointMap.of(tables.object("nfd"));
        compatible = CodePointMap.of(tables.object("nfkd"));
        JsonObject combining = tables.object("combining");
        classes = new CodePointSet[combining.names().size()];
        classNumbers = new int[classes.length];
        int count = 0;
        for (String number : combining.names()) {
            classNumbers[count] = Integer.parseInt(number);
            classes[count++] = CodePointSet.of(combining.list(number));
        }
    }

    /** The tables, read once. */
    static Unicode tables() {
        return Holder.TABLES;
    }

    /** What a code point decomposes to in full, canonically or for compatibility; null for itself. */
    int[] decomposition(int point, boolean compatibility) {
        int syllable = point - HANGUL;
        if (syllable < 0 || syllable >= HANGUL_COUNT) {
            return (compatibility ? compatible : canonical).get(point);
        }
        int lead = 0x1100 + syllable / (VOWELS * TRAILS);
        int vowel = 0x1161 + syllable % (VOWELS * TRAILS) / TRAILS;
        int trail = syllable % TRAILS;
        return trail == 0 ? new int[] {lead, vowel} : new int[] {lead, vowel, 0x11A7 + trail};
    }

    /** The class by which marks are put in canonical order; 0 for what stays in its place. */
    int combiningClass(int point) {
        if (point < 0x300) {
            return 0;
        }
        for (int i = 0; i < classes.length; i++) {
            if (classes[i].contains(point)) {
                return classNumbers[i];
            }
        }
        return 0;
    }

    private static final class Holder {
        static final Unicode TABLES = new Unicode(Json.object(read(), "unicode.json"));

        private static String read() {
            try (InputStream stream = Unicode.class.getResourceAsStream("/kerasbertsuite/unicode.json")) {
                if (stream == null) {
                    throw new IllegalStateException("The library lacks its resource kerasbertsuite/unicode.json.");
                }
                ByteArrayOutputStream whole = new ByteArrayOutputStream();
                byte[] part = new byte[1 << 16];
                for (int size = stream.read(part); size >= 0; size = stream.read(part)) {
                    whole.write(part, 0, size);
                }
                return new String(whole.toByteArray(), StandardCharsets.UTF_8);
            } catch (IOException error) {
                throw new IllegalStateException("The library cannot read its resource unicode.json.", error);
            }
        }
    }
}
