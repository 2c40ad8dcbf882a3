package kerasbertsuite;

import java.util.List;
import java.util.Map;

/** The scores of a long text from those of its windows: their logits are pooled, as in training. */
final class Pooling {
    /** Probabilities are kept so far from 0 and 1 before their logits are taken. */
    static final double TINY = 1e-7;

    private Pooling() {}

    /** The pooled scores; the outputs have a {@code weight} where attention pools. */
    static double[] pooled(Task task, List<Map<String, Output>> outputs) {
        String problem = task.problem();
        double[] weights = weights(outputs);
        boolean isMax = task.pool().equals("max");
        double[] pooled = new double[outputs.get(0).get("scores").values.length];
        for (int i = 0; i < pooled.length; i++) {
            double found = isMax ? Double.NEGATIVE_INFINITY : 0;
            for (int window = 0; window < weights.length; window++) {
                double logit = logit(problem, outputs.get(window).get("scores").values[i]);
                found = isMax ? Math.max(found, logit) : found + weights[window] * logit;
            }
            pooled[i] = found;
        }
        return scores(problem, pooled);
    }

    private static double[] weights(List<Map<String, Output>> outputs) {
        double[] weights = new double[outputs.size()];
        for (int i = 0; i < weights.length; i++) {
            Output weight = outputs.get(i).get("weight");
            weights[i] = weight == null ? 0 : weight.values[0];
        }
        return Numbers.softmax(weights);
    }

    private static double logit(String problem, double score) {
        switch (problem) {
            case "single_label":
                return Math.log(Math.max(score, TINY));
            case "regression":
                return score;
            default:
                double chance = Math.min(Math.max(score, TINY), 1 - TINY);
                return Math.log(chance / (1 - chance));
        }
    }

    private static double[] scores(String problem, double[] logits) {
        if (problem.equals("regression")) {
            return logits;
        }
        if (problem.equals("single_label")) {
            return Numbers.softmax(logits);
        }
        double[] scores = new double[logits.length];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = 1 / (1 + Math.exp(-logits[i]));
        }
        return scores;
    }
}
