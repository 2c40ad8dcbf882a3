package kerasbertsuite;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * An input as the rows that the model reads: one for a text or a pair, one a choice, or one a window of a long text.
 */
public final class Rows {
    /** A longer question is cut, so that there is room for the passage. */
    private static final int QUESTION_PIECES = 64;

    /** The rows. */
    public final List<Encoding> encodings;
    /** Of windows of token classification the encoding of the whole text; null otherwise. */
    final Encoding whole;

    private Rows(List<Encoding> encodings, Encoding whole) {
        this.encodings = encodings;
        this.whole = whole;
    }

    /**
     * The rows of an input.
     *
     * @param task the task.
     * @param tokenizer the tokenizer.
     * @param input the input.
     * @param maxLength ids of a row at most.
     * @throws InputException the input lacks what the task needs.
     */
    public static Rows of(Task task, Tokenizer tokenizer, Input input, int maxLength) {
        String name = task.name();
        if (name.equals("question_answering")) {
            return ofQuestion(task, tokenizer, input, maxLength);
        }
        if (input.choices != null || name.equals("multiple_choice")) {
            return ofChoices(task, tokenizer, input, input.choices, maxLength);
        }
        if (name.equals("similarity") && input.pair != null) {
            return ofChoices(task, tokenizer, input, Collections.singletonList(input.pair), maxLength);
        }
        if (name.equals("ranking") && input.pair == null) {
            throw new InputException("A ranking model scores a query with a text; the input has a single text.");
        }
        Encoding encoding = tokenizer.encode(input.text, input.pair, maxLength);
        if (!task.hasStride() || !encoding.truncated) {
            return new Rows(Collections.singletonList(encoding), null);
        }
        List<Encoding> windows = tokenizer.windows(input.text, input.pair, maxLength, task.stride());
        boolean hasTags = name.equals("token_classification");
        return new Rows(windows, hasTags ? tokenizer.encode(input.text, input.pair, Tokenizer.WHOLE) : null);
    }

    private static Rows ofQuestion(Task task, Tokenizer tokenizer, Input input, int maxLength) {
        if (input.pair == null) {
            throw new InputException("Question answering reads a question and a passage; the input has no passage.");
        }
        int room = Math.min(QUESTION_PIECES, Math.max(1, maxLength / 2 - 4));
        Encoding question = tokenizer.encode(input.text);
        int[] places = question.places();
        String text = input.text;
        if (places.length > room) {
            text = CodePoints.slice(text, 0, question.ends[places[room - 1]]);
        }
        // Of short rows, windows of the passage share no more than a quarter.
        int stride = Math.min(task.stride(), maxLength / 4);
        return new Rows(tokenizer.windows(text, input.pair, maxLength, stride), null);
    }

    private static Rows ofChoices(Task task, Tokenizer tokenizer, Input input, List<String> choices, int maxLength) {
        String name = task.name();
        if (choices == null || choices.isEmpty()) {
            throw new InputException("The task " + name + " needs choices; an input has none.");
        }
        List<Encoding> rows = new ArrayList<>();
        if (name.equals("similarity")) {
            rows.add(tokenizer.encode(input.text, null, maxLength));
            for (String choice : choices) {
                rows.add(tokenizer.encode(choice, null, maxLength));
            }
        } else if (name.equals("multiple_choice") || name.equals("ranking")) {
            for (String choice : choices) {
                // The choice goes on where the second text, or a question, breaks off.
                String pair = input.pair == null ? choice : input.pair + " " + choice;
                rows.add(tokenizer.encode(input.text, pair, maxLength));
            }
        } else {
            throw new InputException("The task " + name + " takes no choices.");
        }
        return new Rows(rows, null);
    }

    /**
     * Which window each piece of a text is read in: the one in which it has most context, as in BERT's SQuAD code.
     *
     * @param stride pieces that windows share.
     * @return for each piece the window and the piece's place among the window's ids.
     */
    int[][] owners(int stride) {
        List<int[]> places = new ArrayList<>();
        int count = 0;
        for (Encoding window : encodings) {
            places.add(window.places());
        }
        int step = places.get(0).length - stride;
        for (int i = 0; i < places.size(); i++) {
            count = Math.max(count, i * step + places.get(i).length);
        }
        int[][] owners = new int[count][];
        double[] most = new double[count];
        for (int window = 0; window < places.size(); window++) {
            int length = places.get(window).length;
            for (int place = 0; place < length; place++) {
                int piece = window * step + place;
                double context = Math.min(place, length - 1 - place) + 0.01 * length;
                if (owners[piece] == null || context > most[piece]) {
                    most[piece] = context;
                    owners[piece] = new int[] {window, places.get(window)[place]};
                }
            }
        }
        return owners;
    }
}
