package kerasbertsuite;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Scores to answers, of every task as {@code keras_bert_suite.tasks.decoding} gives them. */
final class Decoder {
    private Decoder() {}

    /**
     * The answer to one input.
     *
     * @param task the task.
     * @param outputs what the model gives for each row; those that have an axis of ids are as long as the row.
     * @param rows the input's rows.
     * @param input the input.
     */
    static Answer decode(Task task, List<Map<String, Output>> outputs, Rows rows, Input input) {
        Map<String, Object> values = new LinkedHashMap<>();
        switch (task.name()) {
            case "classification":
                classify(task, outputs, values);
                break;
            case "token_classification":
                values.put("entities", entities(task, outputs, rows, input, "scores", task.labels()));
                break;
            case "intent_slots":
                putBest(task.labels(), outputs.get(0).get("scores").values, values);
                values.put("entities", entities(task, outputs, rows, input, "tag_scores", task.tags()));
                break;
            case "question_answering":
                new PassageDecoder(task, input).decode(outputs, rows.encodings, values);
                break;
            case "multiple_choice":
                choose(outputs, values);
                break;
            case "ranking":
                rank(outputs, input, values);
                break;
            case "similarity":
                compare(outputs, input, values);
                break;
            default:
                throw new InputException("The model has the task " + task.name() + ", which this library does not "
                        + "know; expected one of its version.");
        }
        for (Encoding row : rows.encodings) {
            if (row.truncated) {
                values.put("truncated", true);
            }
        }
        return new Answer(values);
    }

    private static void classify(Task task, List<Map<String, Output>> outputs, Map<String, Object> values) {
        double[] scores = outputs.size() > 1 ? Pooling.pooled(task, outputs) : outputs.get(0).get("scores").values;
        List<String> labels = task.labels();
        switch (task.problem()) {
            case "regression":
                values.put("value", scores[0]);
                break;
            case "ordinal":
                putOrdinal(labels, scores, values);
                break;
            case "multi_label":
                Map<String, Double> byLabel = byLabel(labels, scores);
                List<String> chosen = new ArrayList<>();
                for (Map.Entry<String, Double> entry : byLabel.entrySet()) {
                    if (entry.getValue() >= 0.5) {
                        chosen.add(entry.getKey());
                    }
                }
                values.put("labels", chosen);
                values.put("scores", byLabel);
                break;
            default:
                putBest(labels, scores, values);
        }
    }

    /** Of ordinal classes, whose scores say how likely a text is above each but the last. */
    private static void putOrdinal(List<String> labels, double[] scores, Map<String, Object> values) {
        double[] chances = new double[labels.size()];
        double above = 1;
        int best = 0;
        for (int i = 0; i < scores.length; i++) {
            double next = Math.min(above, scores[i]);
            chances[i] = above - next;
            above = next;
            best += scores[i] > 0.5 ? 1 : 0;
        }
        chances[scores.length] = above;
        put(labels, chances, best, values);
    }

    private static void putBest(List<String> labels, double[] scores, Map<String, Object> values) {
        put(labels, scores, Numbers.largest(scores), values);
    }

    private static void put(List<String> labels, double[] scores, int best, Map<String, Object> values) {
        values.put("label", labels.get(best));
        values.put("score", scores[best]);
        values.put("scores", byLabel(labels, scores));
    }

    private static Map<String, Double> byLabel(List<String> labels, double[] scores) {
        if (labels.size() != scores.length) {
            throw new InputException("The model gave " + scores.length + " scores; expected one for each of "
                    + labels.size() + " labels.");
        }
        Map<String, Double> found = new LinkedHashMap<>();
        for (int i = 0; i < scores.length; i++) {
            found.put(labels.get(i), scores[i]);
        }
        return found;
    }

    private static List<Span> entities(
            Task task, List<Map<String, Output>> outputs, Rows rows, Input input, String name, List<String> tags) {
        Output scores = outputs.get(0).get(name);
        Encoding encoding = rows.encodings.get(0);
        if (rows.whole != null) {
            scores = joined(outputs, rows, name, task.stride());
            encoding = rows.whole;
        }
        return Entities.of(scores, encoding, input.text, tags);
    }

    /** The scores of a whole text's ids, each from the window that has most context. */
    private static Output joined(List<Map<String, Output>> outputs, Rows rows, String name, int stride) {
        int width = outputs.get(0).get(name).width;
        Output joined = new Output(new double[rows.whole.size() * width], width);
        int[] places = rows.whole.places();
        int[][] owners = rows.owners(stride);
        for (int i = 0; i < places.length; i++) {
            double[] from = outputs.get(owners[i][0]).get(name).values;
            System.arraycopy(from, owners[i][1] * width, joined.values, places[i] * width, width);
        }
        return joined;
    }

    private static void choose(List<Map<String, Output>> outputs, Map<String, Object> values) {
        double[] chances = Numbers.softmax(firstScores(outputs));
        int best = Numbers.largest(chances);
        values.put("choice", best);
        values.put("score", chances[best]);
        values.put("scores", Numbers.list(chances));
    }

    private static void rank(List<Map<String, Output>> outputs, Input input, Map<String, Object> values) {
        double[] scores = firstScores(outputs);
        if (input.choices == null) {
            values.put("score", scores[0]);
        } else {
            putRanking(scores, values);
        }
    }

    private static double[] firstScores(List<Map<String, Output>> outputs) {
        double[] scores = new double[outputs.size()];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = outputs.get(i).get("scores").values[0];
        }
        return scores;
    }

    private static void compare(List<Map<String, Output>> outputs, Input input, Map<String, Object> values) {
        double[] first = outputs.get(0).get("embedding").values;
        if (input.pair == null && input.choices == null) {
            values.put("embedding", Numbers.list(first));
            return;
        }
        double[] cosines = new double[outputs.size() - 1];
        for (int i = 0; i < cosines.length; i++) {
            cosines[i] = Numbers.cosine(first, outputs.get(i + 1).get("embedding").values);
        }
        if (input.choices == null) {
            values.put("score", cosines[0]);
        } else {
            putRanking(cosines, values);
        }
    }

    /** The scores of choices, with the numbers of these from the best on. */
    private static void putRanking(double[] scores, Map<String, Object> values) {
        int[] ranking = Numbers.fromLargest(scores);
        List<Integer> numbers = new ArrayList<>();
        for (int place : ranking) {
            numbers.add(place);
        }
        values.put("scores", Numbers.list(scores));
        values.put("ranking", numbers);
    }
}
