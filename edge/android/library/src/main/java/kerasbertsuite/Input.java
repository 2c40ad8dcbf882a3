package kerasbertsuite;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** One question to a model. */
public final class Input {
    /** The text; of question answering the question, of ranking the query. */
    public final String text;
    /** The second text, or null; of question answering the passage. */
    public final String pair;
    /** Several second texts, or null: of multiple choice the answers, of ranking and similarity the candidates. */
    public final List<String> choices;

    /**
     * A text, perhaps with a second one and with choices.
     *
     * @param text the text.
     * @param pair the second text, or null.
     * @param choices several second texts, or null.
     */
    public Input(String text, String pair, List<String> choices) {
        this.text = text;
        this.pair = pair;
        this.choices = choices == null ? null : Collections.unmodifiableList(new ArrayList<>(choices));
    }

    /** A single text. */
    public static Input of(String text) {
        return new Input(text, null, null);
    }

    /** A pair, as a question and its passage. */
    public static Input of(String text, String pair) {
        return new Input(text, pair, null);
    }

    /** A text with choices. */
    public static Input of(String text, List<String> choices) {
        return new Input(text, null, choices);
    }
}
