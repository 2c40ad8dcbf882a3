package kerasbertsuite;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/** Byte-pair encoding: joins neighbours by the list of merges, the earliest merge of the list first. */
final class BytePair implements PieceModel {
    private static final int NONE = -1;

    private final Map<String, Integer> ids;
    private final String[] names;
    private final Integer unknownId;
    private final Map<Long, Merge> merges = new HashMap<>();

    private static final class Merge {
        final int rank;
        final int made;

        Merge(int rank, int made) {
            this.rank = rank;
            this.made = made;
        }
    }

    /** A merge that may be done at a place. */
    private static final class Candidate implements Comparable<Candidate> {
        final Merge merge;
        final int place;

        Candidate(Merge merge, int place) {
            this.merge = merge;
            this.place = place;
        }

        @Override
        public int compareTo(Candidate other) {
            int order = Integer.compare(merge.rank, other.merge.rank);
            return order != 0 ? order : Integer.compare(place, other.place);
        }
    }

    /**
     * Makes one.
     *
     * @param ids the vocabulary.
     * @param pairs the merges, two pieces each.
     * @param unknown the piece for a character that the vocabulary does not have; null: it is left out.
     * @param what what messages call the file.
     * @throws InputException a piece of a merge is not in the vocabulary.
     */
    BytePair(Map<String, Integer> ids, List<String[]> pairs, String unknown, String what) {
        this.ids = ids;
        unknownId = unknown == null ? null : known(unknown, what);
        int most = 0;
        for (int id : ids.values()) {
            most = Math.max(most, id);
        }
        names = new String[most + 1];
        for (Map.Entry<String, Integer> entry : ids.entrySet()) {
            names[entry.getValue()] = entry.getKey();
        }
        for (String[] pair : pairs) {
            int made = known(pair[0] + pair[1], what);
            merges.put(key(known(pair[0], what), known(pair[1], what)), new Merge(merges.size(), made));
        }
    }

    private int known(String piece, String what) {
        Integer id = ids.get(piece);
        if (id == null) {
            throw new InputException(what + " has merges with \"" + piece + "\", which its vocabulary lacks.");
        }
        return id;
    }

    private static long key(int left, int right) {
        return (long) left << 32 | right;
    }

    @Override
    public Integer id(String piece) {
        return ids.get(piece);
    }

    @Override
    public void cut(AlignedText word, int number, Pieces pieces) {
        Symbols symbols = new Symbols(word.length());
        for (int point : word.characters) {
            Integer id = ids.get(new String(Character.toChars(point)));
            id = id == null ? unknownId : id;
            if (id != null) {
                symbols.add(id);
            }
        }
        symbols.join();
        int start = 0;
        for (int place = symbols.size > 0 ? 0 : NONE; place != NONE; place = symbols.next[place]) {
            int end = start + symbols.lengths[place];
            pieces.add(symbols.found[place], names[symbols.found[place]], word, start, end, number);
            start = end;
        }
    }

    /** The symbols of a word, a list whose neighbours are joined. */
    private final class Symbols {
        final int[] found;
        final int[] lengths;
        final int[] next;
        private final int[] before;
        private final PriorityQueue<Candidate> queue = new PriorityQueue<>();
        private int size;

        Symbols(int capacity) {
            found = new int[capacity];
            lengths = new int[capacity];
            next = new int[capacity];
            before = new int[capacity];
            Arrays.fill(lengths, 1);
        }

        void add(int id) {
            found[size] = id;
            before[size] = size - 1;
            next[size] = NONE;
            if (size > 0) {
                next[size - 1] = size;
            }
            size++;
        }

        void join() {
            for (int place = 0; place < size; place++) {
                offer(place);
            }
            for (Candidate best = queue.poll(); best != null; best = queue.poll()) {
                int place = best.place;
                int right = lengths[place] == 0 ? NONE : next[place];
                Merge merge = right == NONE ? null : merges.get(key(found[place], found[right]));
                // A neighbour may have been joined since.
                if (merge == null || merge.made != best.merge.made) {
                    continue;
                }
                found[place] = merge.made;
                lengths[place] += lengths[right];
                lengths[right] = 0;
                next[place] = next[right];
                if (next[place] != NONE) {
                    before[next[place]] = place;
                }
                offer(before[place]);
                offer(place);
            }
        }

        private void offer(int place) {
            if (place == NONE || next[place] == NONE) {
                return;
            }
            Merge merge = merges.get(key(found[place], found[next[place]]));
            if (merge != null) {
                queue.add(new Candidate(merge, place));
            }
        }
    }
}
