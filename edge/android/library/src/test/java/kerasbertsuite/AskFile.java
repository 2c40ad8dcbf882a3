package kerasbertsuite;

import java.io.File;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;

/**
 * Opens {@code .tflite} files: {@code java kerasbertsuite.AskFile TEXT FILE...}.
 *
 * <p>Prints a line a file: the task, the signatures, the ids of the text and the answer of a model that gives its first
 * label a score of 1; or the error.
 */
public final class AskFile {
    private AskFile() {}

    /** Opens the files one after the other. */
    public static void main(String[] arguments) {
        for (String path : Arrays.asList(arguments).subList(1, arguments.length)) {
            try {
                System.out.println(line(ModelFile.open(new File(path)), arguments[0]));
            } catch (InputException error) {
                System.out.println("error: " + error.getMessage());
            }
        }
    }

    private static String line(ModelFile file, String text) {
        StringBuilder signatures = new StringBuilder();
        for (int length : file.lengths()) {
            signatures.append(' ').append(file.signature(length));
        }
        Answer answer = new Pipeline(file, new First(file)).answer(text);
        int[] ids = file.tokenizer().encode(text, null, file.maxLength()).ids;
        return file.task().name() + signatures + " " + Arrays.toString(ids) + " " + answer.label() + " "
                + answer.number("score");
    }

    /** A model that is sure of the first label. */
    private static final class First implements Model {
        private final ModelFile file;

        First(ModelFile file) {
            this.file = file;
        }

        @Override
        public int[] lengths() {
            return file.lengths();
        }

        @Override
        public Map<String, Output> run(Batch row) {
            float[] scores = new float[file.task().labels().size()];
            scores[0] = 1;
            return Collections.singletonMap("scores", Output.of(scores, 1));
        }
    }
}
