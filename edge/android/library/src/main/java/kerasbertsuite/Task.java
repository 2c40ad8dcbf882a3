package kerasbertsuite;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What a model was trained for, as {@code keras_bert_suite.json} says under {@code task}. */
public final class Task {
    private final JsonObject config;

    Task(JsonObject config) {
        this.config = config;
    }

    /**
     * Its name: {@code classification token_classification intent_slots question_answering multiple_choice ranking} or
     * {@code similarity}.
     */
    public String name() {
        return config.string("name");
    }

    /** Of classification: {@code single_label multi_label ordinal regression}. */
    public String problem() {
        return config.string("problem");
    }

    /** The labels, in the order of the scores. */
    public List<String> labels() {
        return config.strings("labels");
    }

    /** Of intent and slots the tags of words; {@link #labels} are those of texts. */
    public List<String> tags() {
        return config.strings("tags");
    }

    /** Whether a text that is longer than the model reads is read in windows. */
    public boolean hasStride() {
        return config.has("stride");
    }

    /** Pieces that windows share. */
    public int stride() {
        return config.integer("stride");
    }

    /** How the scores of windows become one: {@code mean max attention}. */
    String pool() {
        return config.string("pool");
    }

    int maxAnswerPieces() {
        return config.integer("max_answer_pieces");
    }

    boolean hasNullAnswers() {
        return config.flag("null_answers", false);
    }

    double nullThreshold() {
        return config.number("null_threshold");
    }

    /** The outputs that answers are made of; a model may give more. */
    List<String> outputs() {
        switch (name()) {
            case "intent_slots":
                return Arrays.asList("scores", "tag_scores");
            case "question_answering":
                return Arrays.asList("start_scores", "end_scores");
            case "similarity":
                return Collections.singletonList("embedding");
            default:
                return Collections.singletonList("scores");
        }
    }

    /** Whether an output has an axis of the row's ids. */
    boolean isOfTokens(String output) {
        switch (name()) {
            case "token_classification":
                return output.equals("scores");
            case "intent_slots":
                return output.equals("tag_scores");
            case "question_answering":
                return output.equals("start_scores") || output.equals("end_scores");
            default:
                return false;
        }
    }
}
