package kerasbertsuite;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The pre-tokenizer of byte-level BPE: cuts as GPT-2's regular expression does, and writes a character for each byte.
 *
 * <p>The expression is {@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}.
 */
final class ByteLevel implements PreTokenizer {
    /** The character that a space becomes. */
    static final int SPACE = 0x120;

    private static final Unicode UNICODE = Unicode.tables();
    private static final int[][] CONTRACTIONS = {
        {'s'}, {'t'}, {'r', 'e'}, {'v', 'e'}, {'m'}, {'l', 'l'}, {'d'},
    };
    private static final int[] CHARACTERS = characters();

    private final boolean prefix;
    private final boolean splits;

    /**
     * Makes one.
     *
     * @param prefix whether a text that does not begin with a space gets one.
     * @param splits whether the text is cut at all.
     */
    ByteLevel(boolean prefix, boolean splits) {
        this.prefix = prefix;
        this.splits = splits;
    }

    /** Printable bytes of Latin 1 are themselves, the others go from U+0100 on. */
    private static int[] characters() {
        int[] found = new int[256];
        int next = 0x100;
        for (int i = 0; i < 256; i++) {
            boolean isPrintable = (i >= '!' && i <= '~') || (i >= 0xA1 && i != 0xAD);
            found[i] = isPrintable ? i : next++;
        }
        return found;
    }

    @Override
    public void split(AlignedText text, List<AlignedText> words) {
        AlignedText whole = prefix && text.characters[0] != ' ' ? PreTokenizers.withFirst(text, ' ') : text;
        List<AlignedText> parts = new ArrayList<>();
        for (int start = 0; start < whole.length(); ) {
            int end = splits ? end(whole.characters, start) : whole.length();
            parts.add(whole.slice(start, end));
            start = end;
        }
        for (AlignedText part : parts) {
            words.add(inBytes(part));
        }
    }

    private static AlignedText inBytes(AlignedText text) {
        AlignedText.Builder made = new AlignedText.Builder(text);
        for (int i = 0; i < text.length(); i++) {
            for (byte value : new String(text.characters, i, 1).getBytes(StandardCharsets.UTF_8)) {
                made.add(CHARACTERS[value & 255], i);
            }
        }
        return made.build();
    }

    private static int end(int[] characters, int start) {
        if (characters[start] == '\'') {
            for (int[] letters : CONTRACTIONS) {
                if (CodePoints.startsWith(characters, start + 1, letters)) {
                    return start + 1 + letters.length;
                }
            }
        }
        int first = characters[start] == ' ' && start + 1 < characters.length ? start + 1 : start;
        Kind kind = kind(characters[first]);
        if (kind == Kind.SPACE) {
            return endOfSpaces(characters, start);
        }
        int end = first + 1;
        while (end < characters.length && kind(characters[end]) == kind) {
            end++;
        }
        return end;
    }

    /** The end of a run of spaces, the last of which is left for the word behind it. */
    private static int endOfSpaces(int[] characters, int start) {
        int end = start;
        while (end < characters.length && kind(characters[end]) == Kind.SPACE) {
            end++;
        }
        return end < characters.length && end > start + 1 ? end - 1 : end;
    }

    private enum Kind {
        SPACE,
        LETTER,
        NUMBER,
        OTHER
    }

    private static Kind kind(int point) {
        if (UNICODE.regexSpaces.contains(point)) {
            return Kind.SPACE;
        }
        if (UNICODE.letters.contains(point)) {
            return Kind.LETTER;
        }
        return UNICODE.numbers.contains(point) ? Kind.NUMBER : Kind.OTHER;
    }
}
