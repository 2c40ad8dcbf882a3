package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;

/** How special pieces stand around a text or a pair, and whether offsets leave out the spaces of byte-level pieces. */
final class Framing {
    /** A text, or special pieces. */
    static final class Part {
        final int sequence;
        final int[] ids;
        final int segment;

        private Part(int sequence, int[] ids, int segment) {
            this.sequence = sequence;
            this.ids = ids;
            this.segment = segment;
        }

        /** The first text, 0, or the second, 1. */
        static Part text(int sequence, int segment) {
            return new Part(sequence, new int[0], segment);
        }

        static Part special(int segment, int... ids) {
            return new Part(Encoding.NONE, ids, segment);
        }
    }

    private final List<Part> single;
    private final List<Part> pair;
    private final boolean trims;
    private final boolean hasPrefix;

    private Framing(List<Part> single, List<Part> pair, boolean trims, boolean hasPrefix) {
        this.single = single;
        this.pair = pair;
        this.trims = trims;
        this.hasPrefix = hasPrefix;
    }

    static Framing of(List<Part> single, List<Part> pair) {
        return new Framing(single, pair, false, false);
    }

    /** No special pieces at all. */
    static Framing none() {
        List<Part> single = new ArrayList<>();
        single.add(Part.text(0, 0));
        List<Part> pair = new ArrayList<>(single);
        pair.add(Part.text(1, 1));
        return of(single, pair);
    }

    /** A {@code cls} before, a {@code sep} behind each text, and {@code between} the texts of a pair. */
    static Framing around(int cls, int sep, int[] between, int secondSegment) {
        List<Part> single = new ArrayList<>();
        single.add(Part.special(0, cls));
        single.add(Part.text(0, 0));
        List<Part> pair = new ArrayList<>(single);
        single.add(Part.special(0, sep));
        pair.add(Part.special(0, between));
        pair.add(Part.text(1, secondSegment));
        pair.add(Part.special(secondSegment, sep));
        return of(single, pair);
    }

    /** The same, but for offsets that leave out spaces; {@code hasPrefix}: but for one that was put before the text. */
    Framing trimming(boolean prefix) {
        return new Framing(single, pair, true, prefix);
    }

    /** How many special pieces a text or a pair gets. */
    int added(boolean isPair) {
        int count = 0;
        for (Part part : isPair ? pair : single) {
            count += part.ids.length;
        }
        return count;
    }

    /**
     * The encoding of a text, or of a pair.
     *
     * @param texts the pieces of the one text or the two.
     * @param truncated whether a text went on.
     */
    Encoding encoding(Pieces[] texts, boolean truncated) {
        int size = added(texts.length == 2);
        for (Pieces text : texts) {
            size += text.size();
        }
        int[][] columns = new int[6][size];
        int at = 0;
        for (Part part : texts.length == 2 ? pair : single) {
            if (part.sequence == Encoding.NONE) {
                for (int id : part.ids) {
                    put(columns, at++, id, part.segment, 0, 0, Encoding.NONE, Encoding.NONE);
                }
                continue;
            }
            Pieces text = texts[part.sequence];
            for (int i = 0; i < text.size(); i++) {
                int start = trims ? trimmedStart(text, i) : text.starts[i];
                int end = trims ? trimmedEnd(text, i, start) : text.ends[i];
                put(columns, at++, text.ids[i], part.segment, start, end, text.words[i], part.sequence);
            }
        }
        return new Encoding(columns, truncated);
    }

    private static void put(int[][] columns, int at, int... values) {
        for (int i = 0; i < values.length; i++) {
            columns[i][at] = values[i];
        }
    }

    private int trimmedStart(Pieces text, int place) {
        String piece = text.texts[place];
        int spaces = 0;
        for (int i = 0; i < piece.length() && isSpace(piece.charAt(i)); i++) {
            spaces++;
        }
        boolean isFirst = place == 0 || text.starts[place] == 0;
        spaces -= spaces > 0 && isFirst && hasPrefix ? 1 : 0;
        return Math.min(text.starts[place] + spaces, text.ends[place]);
    }

    private static int trimmedEnd(Pieces text, int place, int start) {
        String piece = text.texts[place];
        int spaces = 0;
        for (int i = piece.length() - 1; i >= 0 && isSpace(piece.charAt(i)); i--) {
            spaces++;
        }
        int end = text.ends[place];
        return end >= spaces ? Math.max(end - spaces, start) : end;
    }

    private static boolean isSpace(char unit) {
        return unit == ByteLevel.SPACE || Unicode.tables().white.contains(unit);
    }
}
