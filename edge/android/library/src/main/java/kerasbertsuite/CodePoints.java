package kerasbertsuite;

/**
 * Texts as code points, which all offsets of this library count, and these offsets as indices of a Java string.
 */
public final class CodePoints {
    private static final int REPLACEMENT = 0xFFFD;

    private CodePoints() {}

    /** The code points of a text; a lone surrogate counts as U+FFFD. */
    static int[] of(String text) {
        int[] found = new int[text.codePointCount(0, text.length())];
        for (int i = 0, at = 0; i < found.length; i++) {
            int point = text.codePointAt(at);
            at += Character.charCount(point);
            found[i] = point >= 0xD800 && point < 0xE000 ? REPLACEMENT : point;
        }
        return found;
    }

    /** How many bytes a code point has in UTF-8. */
    static int bytes(int point) {
        return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    }

    /** Whether others stand at a place of a text. */
    static boolean startsWith(int[] text, int place, int[] wanted) {
        if (place + wanted.length > text.length) {
            return false;
        }
        for (int i = 0; i < wanted.length; i++) {
            if (text[place + i] != wanted[i]) {
                return false;
            }
        }
        return true;
    }

    /**
     * An offset as an index of a Java string.
     *
     * @param text the text that the offset is of.
     * @param offset a number of code points.
     * @return the number of UTF-16 units before it, as {@code String.substring} and Android's spans take it.
     */
    public static int utf16(String text, int offset) {
        return text.offsetByCodePoints(0, offset);
    }

    /** The characters of a text from one offset to another, which is exclusive. */
    public static String slice(String text, int start, int end) {
        int first = utf16(text, start);
        return text.substring(first, text.offsetByCodePoints(first, Math.max(end - start, 0)));
    }
}
