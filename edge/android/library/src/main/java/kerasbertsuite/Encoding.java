package kerasbertsuite;

import java.util.Arrays;

/** One text, or a pair, as the ids that a model reads, and where in the text each of them is. */
public final class Encoding {
    /** What {@link #words} and {@link #sequences} have for a special piece. */
    public static final int NONE = -1;

    /** The ids, with the special ones. */
    public final int[] ids;
    /** 0 for the first text, 1 for the second; other numbers where a family has them. */
    public final int[] segmentIds;
    /** Where each piece starts in its text, in code points; 0 for special ones. */
    public final int[] starts;
    /** Where each piece ends, exclusive; 0 for special ones. */
    public final int[] ends;
    /** The number of each piece's word in its text. */
    public final int[] words;
    /** The text that each piece is of: 0, or 1 for the pair. */
    public final int[] sequences;
    /** Whether the text went on. */
    public final boolean truncated;

    Encoding(int[][] columns, boolean truncated) {
        ids = columns[0];
        segmentIds = columns[1];
        starts = columns[2];
        ends = columns[3];
        words = columns[4];
        sequences = columns[5];
        this.truncated = truncated;
    }

    /** How many ids there are. */
    public int size() {
        return ids.length;
    }

    /** The places of the ids that are no special pieces. */
    int[] places() {
        int[] found = new int[size()];
        int count = 0;
        for (int i = 0; i < size(); i++) {
            if (sequences[i] != NONE) {
                found[count++] = i;
            }
        }
        return Arrays.copyOf(found, count);
    }

    /**
     * Numbers the words anew: at the cuts of the pre-tokenizer, and around punctuation and Chinese characters, so that
     * a word means the same for every kind of tokenizer.
     *
     * @param texts the one or two texts.
     */
    void numberWords(int[][] texts) {
        CodePointSet alone = Unicode.tables().words;
        int last = -1;
        int lastWord = 0;
        int number = 0;
        for (int i = 0; i < size(); i++) {
            if (sequences[i] == NONE) {
                continue;
            }
            int word = words[i];
            if (last < 0 || sequences[i] != sequences[last]) {
                number = 0;
            } else if (word != lastWord || isCut(texts[sequences[i]], ends[last], starts[i], alone)) {
                number++;
            }
            words[i] = number;
            last = i;
            lastWord = word;
        }
    }

    private static boolean isCut(int[] text, int end, int start, CodePointSet alone) {
        if (start < end) {
            return false;
        }
        boolean endsAlone = end > 0 && end <= text.length && alone.contains(text[end - 1]);
        return endsAlone || (start < text.length && alone.contains(text[start]));
    }
}
