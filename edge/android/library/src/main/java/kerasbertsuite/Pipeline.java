package kerasbertsuite;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Text in, answers out: a model with its tokenizer and the decoding of its task. */
public final class Pipeline {
    private final Task task;
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final Model model;

    /**
     * Joins a file with what runs its model.
     *
     * @param file the file.
     * @param model what runs it.
     */
    public Pipeline(ModelFile file, Model model) {
        this(file.task(), file.tokenizer(), file.maxLength(), model);
    }

    Pipeline(Task task, Tokenizer tokenizer, int maxLength, Model model) {
        this.task = task;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.model = model;
    }

    /** The task that the model was trained for. */
    public Task task() {
        return task;
    }

    /**
     * The answer to a text, a pair, or a text with choices. Long texts are read in windows where the task says so.
     *
     * @throws InputException the input lacks what the task needs.
     */
    public Answer answer(Input input) {
        Rows rows = Rows.of(task, tokenizer, input, maxLength);
        List<Map<String, Output>> outputs = new ArrayList<>();
        for (Encoding row : rows.encodings) {
            outputs.add(outputs(row));
        }
        return Decoder.decode(task, outputs, rows, input);
    }

    /** The answer to a single text. */
    public Answer answer(String text) {
        return answer(Input.of(text));
    }

    /** What the model gives for one row; outputs with an axis of ids are cut to the row's own. */
    private Map<String, Output> outputs(Encoding row) {
        int length = lengthFor(row.size());
        int start = tokenizer.start(row, length);
        Map<String, Output> found = model.run(tokenizer.arrays(Collections.singletonList(row), length));
        if (!found.keySet().containsAll(task.outputs())) {
            throw new InputException("The model gives " + found.keySet() + "; expected " + task.outputs() + ", the outputs"
                    + " of the task " + task.name() + ".");
        }
        Map<String, Output> outputs = new HashMap<>();
        for (Map.Entry<String, Output> entry : found.entrySet()) {
            boolean isOfTokens = task.isOfTokens(entry.getKey());
            Output output = entry.getValue();
            outputs.put(entry.getKey(), isOfTokens ? output.slice(start, start + row.size()) : output);
        }
        return outputs;
    }

    private int lengthFor(int size) {
        int[] lengths = model.lengths();
        for (int length : lengths) {
            if (length >= size) {
                return length;
            }
        }
        throw new InputException(
                "Received " + size + " ids; the longest signature takes " + lengths[lengths.length - 1] + ".");
    }
}
