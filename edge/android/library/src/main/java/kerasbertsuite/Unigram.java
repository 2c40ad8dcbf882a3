package kerasbertsuite;

import java.util.Arrays;
import java.util.Map;

/**
 * SentencePiece's Unigram: the pieces whose scores add up to most (Kudo 2018, https://arxiv.org/abs/1804.10959).
 *
 * <p>What no piece covers is unknown, neighbouring unknown characters as one, or is spelled in bytes.
 */
final class Unigram implements PieceModel {
    private static final double UNKNOWN_PENALTY = 10.0;

    private final Map<String, Integer> ids;
    private final int unknownId;
    private final ByteFallback bytes;
    private final double unknownScore;
    /** The pieces in the order of their UTF-16 units, with their ids and scores: a beginning is a range of them. */
    private final String[] sorted;

    private final int[] sortedIds;
    private final double[] sortedScores;

    /**
     * Makes one.
     *
     * @param ids the vocabulary.
     * @param scores the score of each id.
     * @param unknownId the id of the unknown piece.
     * @param bytes what spells the unknown; null: it is the unknown piece.
     */
    Unigram(Map<String, Integer> ids, double[] scores, int unknownId, ByteFallback bytes) {
        this.ids = ids;
        this.unknownId = unknownId;
        this.bytes = bytes;
        double least = Double.POSITIVE_INFINITY;
        for (double score : scores) {
            least = Math.min(least, score);
        }
        unknownScore = least - UNKNOWN_PENALTY;
        sorted = ids.keySet().toArray(new String[0]);
        Arrays.sort(sorted);
        sortedIds = new int[sorted.length];
        sortedScores = new double[sorted.length];
        for (int i = 0; i < sorted.length; i++) {
            sortedIds[i] = ids.get(sorted[i]);
            sortedScores[i] = scores[sortedIds[i]];
        }
    }

    @Override
    public Integer id(String piece) {
        return ids.get(piece);
    }

    @Override
    public void cut(AlignedText word, int number, Pieces pieces) {
        String text = new String(word.characters, 0, word.length());
        int[] cuts = new Paths(text).cuts();
        int first = 0;
        for (int unit = 0; unit < text.length(); ) {
            int end = cuts[unit];
            String piece = text.substring(unit, end);
            int last = first + piece.codePointCount(0, piece.length());
            Integer id = ids.get(piece);
            if (id == null && bytes != null) {
                bytes.add(piece, word, first, last, number, pieces);
            } else {
                pieces.add(id == null ? unknownId : id, piece, word, first, last, number);
            }
            first = last;
            unit = end;
        }
    }

    /** The best way to each place of a text, in UTF-16 units. */
    private final class Paths {
        private final String text;
        private final double[] scores;
        private final int[] origins;
        private final int[] found;

        Paths(String text) {
            this.text = text;
            scores = new double[text.length() + 1];
            origins = new int[text.length() + 1];
            found = new int[text.length() + 1];
            Arrays.fill(origins, -1);
            for (int start = 0; start < text.length(); ) {
                int next = start + Character.charCount(text.codePointAt(start));
                if (!reachFrom(start, next)) {
                    reach(start, next, unknownScore, unknownId);
                }
                start = next;
            }
        }

        /** Goes on from a place with each piece that stands there; whether one of them is a single character. */
        private boolean reachFrom(int start, int next) {
            boolean hasSingle = false;
            int low = 0;
            int high = sorted.length;
            for (int depth = 0; start + depth < text.length(); depth++) {
                char unit = text.charAt(start + depth);
                low = firstFrom(low, high, depth, unit);
                high = firstFrom(low, high, depth, unit + 1);
                if (low == high) {
                    break;
                }
                // The piece that is no longer than what they share is the first of them.
                if (sorted[low].length() == depth + 1) {
                    reach(start, start + depth + 1, sortedScores[low], sortedIds[low]);
                    hasSingle |= start + depth + 1 == next;
                }
            }
            return hasSingle;
        }

        private void reach(int start, int end, double score, int id) {
            double sum = scores[start] + score;
            if (origins[end] < 0 || sum > scores[end]) {
                scores[end] = sum;
                origins[end] = start;
                found[end] = id;
            }
        }

        /** For each place where a piece of the best way starts the place where it ends. */
        int[] cuts() {
            int[] cuts = new int[text.length()];
            int unknownEnd = -1;
            for (int end = text.length(); end > 0; end = origins[end]) {
                boolean isUnknown = found[end] == unknownId;
                unknownEnd = !isUnknown ? -1 : unknownEnd < 0 ? end : unknownEnd;
                cuts[origins[end]] = isUnknown ? unknownEnd : end;
            }
            return cuts;
        }
    }

    /** The first of a range of pieces whose unit at a depth is this one or more; shorter ones come before all. */
    private int firstFrom(int low, int high, int depth, int unit) {
        int first = low;
        int end = high;
        while (first < end) {
            int middle = (first + end) >>> 1;
            String piece = sorted[middle];
            if (piece.length() <= depth || piece.charAt(depth) < unit) {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        return first;
    }
}
