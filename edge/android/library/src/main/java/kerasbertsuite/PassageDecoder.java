package kerasbertsuite;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The best spans of a passage over all its windows, as in BERT's SQuAD code, and whether it answers at all. */
final class PassageDecoder {
    private static final int ANSWERS = 20;
    /** By how much "no answer" is above the best span where there is no span. */
    private static final double NO_SPAN = 1e4;

    private final Task task;
    private final String passage;
    private final int[] points;
    private final Map<Long, Double> spans = new LinkedHashMap<>();
    private double nullScore = Double.POSITIVE_INFINITY;

    PassageDecoder(Task task, Input input) {
        this.task = task;
        passage = input.pair;
        points = CodePoints.of(input.pair);
    }

    /** Writes the answer into {@code values}. */
    void decode(List<Map<String, Output>> outputs, List<Encoding> windows, Map<String, Object> values) {
        for (int i = 0; i < windows.size(); i++) {
            read(windows.get(i), outputs.get(i).get("start_scores").values, outputs.get(i).get("end_scores").values);
        }
        boolean hasNone = task.hasNullAnswers();
        List<Long> places = new ArrayList<>(spans.keySet());
        double[] found = new double[places.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = spans.get(places.get(i));
        }
        int[] order = Numbers.fromLargest(found);
        int count = Math.min(order.length, ANSWERS);
        double[] scores = new double[count + (hasNone ? 1 : 0)];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = i < count ? found[order[i]] : nullScore;
        }
        double[] chances = Numbers.softmax(scores);
        List<Span> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int start = (int) (places.get(order[i]) >> 32);
            int end = (int) (long) places.get(order[i]);
            answers.add(new Span(null, CodePoints.slice(passage, start, end), start, end, chances[i]));
        }
        double difference = count > 0 ? nullScore - scores[0] : NO_SPAN;
        boolean isNone = count == 0 || (hasNone && difference > task.nullThreshold());
        double noneScore = hasNone ? chances[count] : 0;
        Span best = isNone ? new Span(null, "", 0, 0, noneScore) : answers.get(0);
        values.put("answer", best.text);
        values.put("start", best.start);
        values.put("end", best.end);
        values.put("score", best.score);
        values.put("null_score", difference);
        values.put("answers", answers);
    }

    /** Takes the spans of a window, each with the best score that it has in any. */
    private void read(Encoding window, double[] starts, double[] ends) {
        // The first id that belongs to no text stands for "no answer".
        int none = 0;
        while (window.sequences[none] != Encoding.NONE) {
            none++;
        }
        nullScore = Math.min(nullScore, starts[none] + ends[none]);
        int[] bestEnds = best(window, ends);
        for (int start : best(window, starts)) {
            for (int end : bestEnds) {
                if (end < start || end >= start + task.maxAnswerPieces()) {
                    continue;
                }
                int last = window.ends[end];
                int first = Span.startWithoutSpaces(points, window.starts[start], last);
                double score = starts[start] + ends[end];
                Double known = spans.get(key(first, last));
                if (first < last && (known == null || score > known)) {
                    spans.put(key(first, last), score);
                }
            }
        }
    }

    private static long key(int start, int end) {
        return (long) start << 32 | end;
    }

    /** The places of the passage with the best scores, from the best on. */
    private static int[] best(Encoding window, double[] scores) {
        List<Integer> places = new ArrayList<>();
        for (int i = 0; i < window.size(); i++) {
            if (window.sequences[i] == 1) {
                places.add(i);
            }
        }
        double[] found = new double[places.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = scores[places.get(i)];
        }
        int[] order = Numbers.fromLargest(found);
        int[] best = new int[Math.min(order.length, ANSWERS)];
        for (int i = 0; i < best.length; i++) {
            best[i] = places.get(order[i]);
        }
        return best;
    }
}
