package kerasbertsuite;

import java.util.Arrays;

/**
 * A text on its way through normalization, each of whose characters knows the range of the original that it is of.
 *
 * <p>It is never changed: each step makes another one, with a {@link Builder} or with {@link Changes}.
 */
final class AlignedText {
    final int[] characters;
    /** Where the original of each character starts and ends, in code points. */
    final int[] starts;

    final int[] ends;
    /** Where the original of this part starts. */
    private final int base;

    private AlignedText(int[] characters, int[] starts, int[] ends, int base) {
        this.characters = characters;
        this.starts = starts;
        this.ends = ends;
        this.base = base;
    }

    /** A text as it was given. */
    static AlignedText of(int[] characters) {
        int[] starts = new int[characters.length];
        int[] ends = new int[characters.length];
        for (int i = 0; i < characters.length; i++) {
            starts[i] = i;
            ends[i] = i + 1;
        }
        return new AlignedText(characters, starts, ends, 0);
    }

    int length() {
        return characters.length;
    }

    /** The part from one character to another, which is exclusive. */
    AlignedText slice(int start, int end) {
        return new AlignedText(
                Arrays.copyOfRange(characters, start, end),
                Arrays.copyOfRange(starts, start, end),
                Arrays.copyOfRange(ends, start, end),
                start < end ? starts[start] : base);
    }

    /** The text without the characters of a set. */
    AlignedText without(CodePointSet set) {
        Builder kept = new Builder(this);
        for (int i = 0; i < length(); i++) {
            if (!set.contains(characters[i])) {
                kept.add(characters[i], i);
            }
        }
        return kept.build();
    }

    /** Collects characters, each with the one of the old text whose original it takes over. */
    static final class Builder {
        private final AlignedText old;
        private int[] points;
        private int[] origins;
        private int size;

        Builder(AlignedText old) {
            this.old = old;
            points = new int[old.length()];
            origins = new int[old.length()];
        }

        /** Adds a character in the place of the old text's character of this number; of -1 it is before them all. */
        void add(int point, int origin) {
            if (size == points.length) {
                points = Arrays.copyOf(points, size * 2 + 8);
                origins = Arrays.copyOf(origins, size * 2 + 8);
            }
            points[size] = point;
            origins[size++] = origin;
        }

        void addAll(int[] added, int origin) {
            for (int point : added) {
                add(point, origin);
            }
        }

        AlignedText build() {
            int[] starts = new int[size];
            int[] ends = new int[size];
            for (int i = 0; i < size; i++) {
                starts[i] = origins[i] < 0 ? old.base : old.starts[origins[i]];
                ends[i] = origins[i] < 0 ? old.base : old.ends[origins[i]];
            }
            return new AlignedText(Arrays.copyOf(points, size), starts, ends, old.base);
        }
    }

    /**
     * The characters that a text becomes, in order, each with a number as the {@code tokenizers} library has it: 1 for
     * one that is put in, 0 for one that replaces one, -n for one that replaces one and n more behind it.
     *
     * <p>Where characters are put in order anew or dropped, the library's originals follow from these numbers alone.
     */
    static final class Changes {
        private final int[][] changes;
        private int size;

        Changes(int capacity) {
            changes = new int[2][capacity];
        }

        int size() {
            return size;
        }

        int number(int place) {
            return changes[1][place];
        }

        void setNumber(int place, int number) {
            changes[1][place] = number;
        }

        void add(int point, int number) {
            if (size == changes[0].length) {
                changes[0] = Arrays.copyOf(changes[0], size * 2 + 8);
                changes[1] = Arrays.copyOf(changes[1], size * 2 + 8);
            }
            changes[0][size] = point;
            changes[1][size++] = number;
        }

        /** Puts the characters from a place on in the order of their classes, equal ones as they are. */
        void sortFrom(int start, int[] classes) {
            if (size - start < 2) {
                return;
            }
            long[] order = new long[size - start];
            for (int i = 0; i < order.length; i++) {
                order[i] = (long) classes[start + i] << 32 | i;
            }
            Arrays.sort(order);
            for (int[] row : changes) {
                int[] before = Arrays.copyOfRange(row, start, size);
                for (int i = 0; i < order.length; i++) {
                    row[start + i] = before[(int) order[i]];
                }
            }
        }

        AlignedText applied(AlignedText old) {
            Builder made = new Builder(old);
            int place = 0;
            for (int i = 0; i < size; i++) {
                int number = changes[1][i];
                // What is put in shares the original of the character before it.
                made.add(changes[0][i], number > 0 ? place - 1 : place);
                place += number > 0 ? 0 : 1 - number;
            }
            return made.build();
        }
    }
}
