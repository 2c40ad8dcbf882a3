package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;

/** The entities of a text, from the scores of the tags {@code O}, {@code B-X} and {@code I-X}. */
final class Entities {
    private Entities() {}

    /** A word: its first piece, and where in the text it is. */
    private static final class Word {
        final int first;
        int last;

        Word(int place) {
            first = place;
            last = place;
        }
    }

    /**
     * The entities, from the tags of the first piece of each word.
     *
     * @param scores for each id the probability of each tag.
     * @param encoding the text's encoding.
     * @param text the text.
     * @param tags the tags.
     */
    static List<Span> of(Output scores, Encoding encoding, String text, List<String> tags) {
        List<Word> words = words(encoding);
        double[][] chances = new double[words.size()][];
        for (int i = 0; i < chances.length; i++) {
            chances[i] = scores.at(words.get(i).first);
        }
        int[] best = bestTags(chances, tags);
        int[] points = CodePoints.of(text);
        List<Open> found = new ArrayList<>();
        String open = null;
        for (int i = 0; i < best.length; i++) {
            String tag = tags.get(best[i]);
            int dash = tag.indexOf('-');
            String prefix = dash < 0 ? tag : tag.substring(0, dash);
            String label = dash < 0 ? "" : tag.substring(dash + 1);
            if (prefix.equals("O")) {
                open = null;
                continue;
            }
            int end = encoding.ends[words.get(i).last];
            if (prefix.equals("B") || !label.equals(open)) {
                int start = Span.startWithoutSpaces(points, encoding.starts[words.get(i).first], end);
                found.add(new Open(label, start));
            }
            found.get(found.size() - 1).add(end, chances[i][best[i]]);
            open = label;
        }
        List<Span> spans = new ArrayList<>();
        for (Open entity : found) {
            spans.add(entity.span(text));
        }
        return spans;
    }

    /** An entity that may go on. */
    private static final class Open {
        private final String label;
        private final int start;
        private int end;
        private int words;
        private double sum;

        Open(String label, int start) {
            this.label = label;
            this.start = start;
        }

        void add(int end, double score) {
            this.end = end;
            sum += score;
            words++;
        }

        Span span(String text) {
            return new Span(label, CodePoints.slice(text, start, end), start, end, sum / words);
        }
    }

    private static List<Word> words(Encoding encoding) {
        List<Word> words = new ArrayList<>();
        int before = Encoding.NONE;
        for (int i = 0; i < encoding.size(); i++) {
            int word = encoding.words[i];
            if (word != Encoding.NONE && word != before) {
                words.add(new Word(i));
            } else if (word != Encoding.NONE) {
                words.get(words.size() - 1).last = i;
            }
            before = word;
        }
        return words;
    }

    /**
     * The likeliest tags of the words of a text, of those sequences in which an entity begins with its {@code B-}.
     *
     * <p>Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010, where all transitions that may be weigh the same.
     */
    private static int[] bestTags(double[][] scores, List<String> tags) {
        int words = scores.length;
        if (words == 0) {
            return new int[0];
        }
        int[] begins = beginnings(tags);
        double[] state = new double[begins.length];
        int[][] origins = new int[words][begins.length];
        for (int tag = 0; tag < begins.length; tag++) {
            state[tag] = begins[tag] != tag ? Double.NEGATIVE_INFINITY : log(scores[0][tag]);
        }
        for (int word = 1; word < words; word++) {
            int best = Numbers.largest(state);
            double[] next = new double[begins.length];
            for (int tag = 0; tag < begins.length; tag++) {
                int inside = state[begins[tag]] > state[tag] ? begins[tag] : tag;
                origins[word][tag] = begins[tag] != tag ? inside : best;
                next[tag] = state[origins[word][tag]] + log(scores[word][tag]);
            }
            state = next;
        }
        int[] found = new int[words];
        found[words - 1] = Numbers.largest(state);
        for (int word = words - 1; word > 0; word--) {
            found[word - 1] = origins[word][found[word]];
        }
        return found;
    }

    /** For each tag the number of the one that its entity begins with: itself but for {@code I-X}. */
    private static int[] beginnings(List<String> tags) {
        int[] begins = new int[tags.size()];
        for (int i = 0; i < begins.length; i++) {
            String tag = tags.get(i);
            int first = tag.startsWith("I-") ? tags.lastIndexOf("B-" + tag.substring(2)) : -1;
            begins[i] = first < 0 ? i : first;
        }
        return begins;
    }

    private static double log(double score) {
        return Math.log(Math.max(score, Pooling.TINY));
    }
}
