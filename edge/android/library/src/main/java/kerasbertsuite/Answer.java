package kerasbertsuite;

import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * The answer to one input, with the names that Python's pipeline gives.
 *
 * <p>Classification: {@code label score scores}; with several labels {@code labels scores}; a number {@code value}.
 * Token classification: {@code entities}. Intent and slots: both together. Question answering: {@code answer start end
 * score null_score answers}. Multiple choice: {@code choice score scores}. Ranking: {@code score}, or with choices
 * {@code scores ranking}. Similarity: {@code embedding}, of a pair {@code score}, with choices {@code scores ranking}.
 * And {@code truncated} where the model did not read a text to its end.
 */
public final class Answer {
    private final Map<String, Object> values;

    Answer(Map<String, Object> values) {
        this.values = Collections.unmodifiableMap(values);
    }

    /**
     * All values by name: texts, whole numbers as {@code Integer}, others as {@code Double}, {@code Boolean}, lists,
     * and {@code scores} of labels as a map; {@code entities} and {@code answers} are lists of {@link Span}.
     */
    public Map<String, Object> values() {
        return values;
    }

    /** The likeliest label; null where the task gives none. */
    public String label() {
        return (String) values.get("label");
    }

    /** A number by its name, as {@code score} or {@code value}; NaN where the task gives none. */
    public double number(String name) {
        Object value = values.get(name);
        return value instanceof Number ? ((Number) value).doubleValue() : Double.NaN;
    }

    /** The entities of a text, or the answers in a passage from the best on; empty where the task gives none. */
    public List<Span> spans() {
        Object found = values.containsKey("entities") ? values.get("entities") : values.get("answers");
        return found == null ? Collections.<Span>emptyList() : Span.list(found);
    }

    /** Whether the model did not read a text to its end. */
    public boolean isTruncated() {
        return values.containsKey("truncated");
    }
}
