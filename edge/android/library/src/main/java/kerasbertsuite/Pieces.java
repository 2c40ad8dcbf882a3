package kerasbertsuite;

import java.util.Arrays;

/** The pieces of one text, without special ones around it: ids, what they say, offsets, and numbers of words. */
final class Pieces {
    int[] ids;
    String[] texts;
    int[] starts;
    int[] ends;
    int[] words;
    private int size;

    Pieces() {
        ids = new int[16];
        texts = new String[16];
        starts = new int[16];
        ends = new int[16];
        words = new int[16];
    }

    int size() {
        return size;
    }

    /**
     * Adds a piece.
     *
     * @param id its id.
     * @param text what it says, as the vocabulary writes it.
     * @param of the word that it is in.
     * @param start the first of its characters in that word.
     * @param end the one behind its last.
     * @param number the number of the word.
     */
    void add(int id, String text, AlignedText of, int start, int end, int number) {
        if (size == ids.length) {
            grow();
        }
        ids[size] = id;
        texts[size] = text;
        starts[size] = of.starts[start];
        ends[size] = of.ends[end - 1];
        words[size++] = number;
    }

    private void grow() {
        int capacity = size * 2;
        ids = Arrays.copyOf(ids, capacity);
        texts = Arrays.copyOf(texts, capacity);
        starts = Arrays.copyOf(starts, capacity);
        ends = Arrays.copyOf(ends, capacity);
        words = Arrays.copyOf(words, capacity);
    }

    /** The pieces from one to another, which is exclusive. */
    Pieces slice(int start, int end) {
        Pieces part = new Pieces();
        part.ids = Arrays.copyOfRange(ids, start, end);
        part.texts = Arrays.copyOfRange(texts, start, end);
        part.starts = Arrays.copyOfRange(starts, start, end);
        part.ends = Arrays.copyOfRange(ends, start, end);
        part.words = Arrays.copyOfRange(words, start, end);
        part.size = end - start;
        return part;
    }
}
