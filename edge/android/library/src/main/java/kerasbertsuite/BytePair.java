package kerasbertsuite;

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
    private final boolean fusesUnknown;
    private final ByteFallback bytes;
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
     * @param fusesUnknown whether neighbouring unknown characters are one piece.
     * @param bytes what spells such a character instead; null for nothing.
     * @param what what messages call the file.
     * @throws InputException a piece of a merge is not in the vocabulary.
     */
    BytePair(
            Map<String, Integer> ids,
            List<String[]> pairs,
            String unknown,
            boolean fusesUnknown,
            ByteFallback bytes,
            String what) {
        this.ids = ids;
        this.fusesUnknown = fusesUnknown;
        this.bytes = bytes;
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
        // A character is four bytes at most.
        Symbols symbols = new Symbols(bytes == null ? word.length() : 4 * word.length());
        boolean isUnknown = false;
        for (int i = 0; i < word.length(); i++) {
            String character = new String(Character.toChars(word.characters[i]));
            Integer id = ids.get(character);
            boolean wasUnknown = isUnknown;
            isUnknown = id == null && bytes == null;
            if (id != null) {
                symbols.add(id, i);
            } else if (bytes != null) {
                for (int spelled : bytes.spell(character)) {
                    symbols.add(spelled, i);
                }
            } else if (unknownId != null && wasUnknown && fusesUnknown) {
                symbols.ends[symbols.size - 1] = i + 1;
            } else if (unknownId != null) {
                symbols.add(unknownId, i);
            }
        }
        symbols.join();
        for (int place = symbols.size > 0 ? 0 : NONE; place != NONE; place = symbols.next[place]) {
            int id = symbols.found[place];
            pieces.add(id, names[id], word, symbols.starts[place], symbols.ends[place], number);
        }
    }

    /** The symbols of a word, a list whose neighbours are joined. */
    private final class Symbols {
        final int[] found;
        /** Where the characters of each begin and end in the word; one that was joined to another has no end. */
        final int[] starts;

        final int[] ends;
        final int[] next;
        private final int[] before;
        private final PriorityQueue<Candidate> queue = new PriorityQueue<>();
        private int size;

        Symbols(int capacity) {
            found = new int[capacity];
            starts = new int[capacity];
            ends = new int[capacity];
            next = new int[capacity];
            before = new int[capacity];
        }

        void add(int id, int character) {
            found[size] = id;
            starts[size] = character;
            ends[size] = character + 1;
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
                int right = ends[place] == NONE ? NONE : next[place];
                Merge merge = right == NONE ? null : merges.get(key(found[place], found[right]));
                // A neighbour may have been joined since.
                if (merge == null || merge.made != best.merge.made) {
                    continue;
                }
                found[place] = merge.made;
                ends[place] = ends[right];
                ends[right] = NONE;
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
