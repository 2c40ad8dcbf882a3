package kerasbertsuite;

import java.nio.charset.StandardCharsets;

/**
 * SentencePiece's compiled map of characters: a double-array trie (Darts) of UTF-8 texts and what they become.
 *
 * <p>As the {@code tokenizers} library applies it: a grapheme of fewer than six bytes becomes, as a whole, what its
 * shortest beginning in the map becomes; else each of its characters is looked up for itself.
 */
final class CharacterMap implements Normalizer {
    private static final int SMALL = 6;
    private static final Unicode UNICODE = Unicode.tables();

    private final int[] units;
    private final byte[] content;
    private final int texts;

    private CharacterMap(int[] units, byte[] content, int texts) {
        this.units = units;
        this.content = content;
        this.texts = texts;
    }

    /**
     * The map of a {@code precompiled_charsmap}.
     *
     * @param encoded it in base 64: the trie's size in bytes, the trie, and the texts, which end with zeros.
     * @param what what messages call the file.
     * @throws InputException it is cut off.
     */
    static CharacterMap of(String encoded, String what) {
        byte[] content = Base64Bytes.decode(encoded, what + ": precompiled_charsmap");
        int size = content.length < 4 ? -1 : unit(content, 0);
        if (size < 4 || size % 4 != 0 || size > content.length - 4) {
            throw new InputException(what + ": precompiled_charsmap is cut off; expected a trie and its texts.");
        }
        int[] units = new int[size / 4];
        for (int i = 0; i < units.length; i++) {
            units[i] = unit(content, 4 + 4 * i);
        }
        return new CharacterMap(units, content, 4 + size);
    }

    private static int unit(byte[] content, int at) {
        return (content[at] & 255)
                | (content[at + 1] & 255) << 8
                | (content[at + 2] & 255) << 16
                | (content[at + 3] & 255) << 24;
    }

    @Override
    public AlignedText apply(AlignedText text) {
        AlignedText.Changes changes = new AlignedText.Changes(text.length());
        int[] characters = text.characters;
        for (int start = 0; start < characters.length; ) {
            int end = graphemeEnd(characters, start);
            int bytes = 0;
            for (int i = start; i < end && bytes < SMALL; i++) {
                bytes += CodePoints.bytes(characters[i]);
            }
            int[] whole = bytes < SMALL ? find(characters, start, end) : null;
            if (whole != null) {
                replace(changes, end - start, whole);
            } else {
                for (int i = start; i < end; i++) {
                    int[] single = find(characters, i, i + 1);
                    replace(changes, 1, single == null ? new int[] {characters[i]} : single);
                }
            }
            start = end;
        }
        return changes.applied(text);
    }

    private static void replace(AlignedText.Changes changes, int count, int[] made) {
        for (int i = 0; i < made.length; i++) {
            changes.add(made[i], i < count ? 0 : 1);
        }
        int last = changes.size() - 1;
        // At the beginning of a text the library forgets what it drops, which shifts the offsets behind it.
        if (made.length < count && last >= 0) {
            changes.setNumber(last, changes.number(last) - (count - made.length));
        }
    }

    private static int graphemeEnd(int[] characters, int start) {
        int end = start;
        while (end < characters.length && UNICODE.prepended.contains(characters[end])) {
            end++;
        }
        boolean isControl = end < characters.length && UNICODE.controls.contains(characters[end]);
        if (end == characters.length || (isControl && end > start)) {
            return end;
        }
        if (isControl) {
            boolean isLine = characters[end] == '\r' && end + 1 < characters.length && characters[end + 1] == '\n';
            return isLine ? end + 2 : end + 1;
        }
        end++;
        while (end < characters.length && UNICODE.marks.contains(characters[end])) {
            end++;
        }
        return end;
    }

    /** What the shortest beginning of some characters becomes that is in the map; null where none is. */
    private int[] find(int[] characters, int start, int end) {
        byte[] key = new String(characters, start, end - start).getBytes(StandardCharsets.UTF_8);
        int node = offset(units[0]);
        for (byte signed : key) {
            int label = signed & 255;
            node ^= label;
            if (label == 0 || node >= units.length || (units[node] & 0x800000FF) != label) {
                return null;
            }
            boolean isEnd = (units[node] >> 8 & 1) == 1;
            node ^= offset(units[node]);
            if (isEnd) {
                return text(units[node] & Integer.MAX_VALUE);
            }
        }
        return null;
    }

    private static int offset(int unit) {
        return unit >>> 10 << ((unit & 1 << 9) >> 6);
    }

    private int[] text(int place) {
        int start = texts + place;
        int end = start;
        while (end < content.length && content[end] != 0) {
            end++;
        }
        return CodePoints.of(new String(content, start, end - start, StandardCharsets.UTF_8));
    }
}
