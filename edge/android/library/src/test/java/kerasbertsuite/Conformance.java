package kerasbertsuite;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs the library against conformance vectors: {@code java kerasbertsuite.Conformance FOLDER_OR_FILE...}.
 *
 * <p>Prints a line a file with counts, the first differences in detail, and exits with 1 where there is any.
 */
public final class Conformance {
    private static final int SHOWN = 5;
    private static final double TOLERANCE = 1e-6;

    private final File folder;
    private final List<String> differences = new ArrayList<>();
    private int count;

    private Conformance(File folder) {
        this.folder = folder;
    }

    /** Runs the files, or all vectors of folders. */
    public static void main(String[] arguments) throws IOException {
        int different = 0;
        int files = 0;
        for (String argument : arguments) {
            File given = new File(argument);
            File[] found = given.isDirectory() ? given.listFiles() : new File[] {given};
            Arrays.sort(found);
            for (File file : found) {
                if (file.getName().endsWith(".json") && !file.getName().equals("unicode.json")) {
                    different += new Conformance(file.getParentFile()).run(file);
                    files++;
                }
            }
        }
        if (files == 0) {
            System.out.println("Received no vectors; expected the folder edge/conformance or files of its form.");
        }
        System.exit(different == 0 && files > 0 ? 0 : 1);
    }

    private static JsonObject read(File file) throws IOException {
        return Json.object(new String(Files.readAllBytes(file.toPath()), StandardCharsets.UTF_8), file.getName());
    }

    private int run(File file) throws IOException {
        JsonObject vectors = read(file);
        if (vectors.integer("version") != 1) {
            throw new InputException(file + " has version " + vectors.integer("version") + "; expected 1.");
        }
        if (vectors.string("kind").equals("tokenizer")) {
            runTokenizer(vectors);
        } else {
            runDecoders(vectors);
        }
        System.out.println(file.getName() + ": " + (count - differences.size()) + " of " + count + " equal");
        for (String difference : differences.subList(0, Math.min(SHOWN, differences.size()))) {
            System.out.println("  " + difference);
        }
        return differences.size();
    }

    private static Tokenizer tokenizer(JsonObject vectors) {
        Map<String, String> files = new LinkedHashMap<>();
        for (String name : vectors.object("files").names()) {
            files.put(name, vectors.object("files").string(name));
        }
        return TokenizerFiles.read(vectors.object("tokenizer"), files);
    }

    private void runTokenizer(JsonObject vectors) {
        Tokenizer tokenizer = tokenizer(vectors);
        for (JsonObject found : vectors.objects("cases")) {
            int maxLength = found.has("max_length") ? found.integer("max_length") : Tokenizer.WHOLE;
            Encoding made = tokenizer.encode(found.string("text"), found.string("pair", null), maxLength);
            compare(found.string("text"), plain(found.object("encoding")), values(made));
        }
        for (JsonObject found : vectors.objects("windows")) {
            List<Object> made = new ArrayList<>();
            for (Encoding window : tokenizer.windows(
                    found.string("text"),
                    found.string("pair", null),
                    found.integer("max_length"),
                    found.integer("stride"))) {
                made.add(values(window));
            }
            compare("windows of " + found.string("text"), plain(found.list("encodings")), made);
        }
        for (JsonObject found : vectors.objects("arrays")) {
            List<Encoding> encodings = new ArrayList<>();
            for (String text : found.strings("texts")) {
                encodings.add(tokenizer.encode(text, null, found.integer("max_length")));
            }
            Batch made = tokenizer.arrays(encodings, found.integer("length"));
            Map<String, Object> arrays = new LinkedHashMap<>();
            arrays.put("token_ids", lists(made.tokenIds));
            arrays.put("segment_ids", lists(made.segmentIds));
            arrays.put("padding_mask", lists(made.paddingMask));
            compare("arrays of " + found.integer("length"), plain(found.object("arrays")), arrays);
        }
    }

    private static Map<String, Object> values(Encoding encoding) {
        Map<String, Object> values = new LinkedHashMap<>();
        List<Object> offsets = new ArrayList<>();
        for (int i = 0; i < encoding.size(); i++) {
            offsets.add(Arrays.asList(encoding.starts[i], encoding.ends[i]));
        }
        values.put("ids", list(encoding.ids));
        values.put("segment_ids", list(encoding.segmentIds));
        values.put("offsets", offsets);
        values.put("words", listWithNull(encoding.words));
        values.put("sequence_ids", listWithNull(encoding.sequences));
        values.put("truncated", encoding.truncated);
        return values;
    }

    private void runDecoders(JsonObject vectors) throws IOException {
        Tokenizer tokenizer = tokenizer(read(new File(folder, "tokenizer_" + vectors.string("tokenizer") + ".json")));
        for (JsonObject group : vectors.objects("groups")) {
            Task task = new Task(group.object("task"));
            for (JsonObject found : group.objects("cases")) {
                List<String> choices = found.has("choices") ? found.strings("choices") : null;
                Input input = new Input(found.string("text"), found.string("pair", null), choices);
                Recorded model = new Recorded(task, found.objects("outputs"));
                Answer answer = new Pipeline(task, tokenizer, group.integer("max_length"), model).answer(input);
                compare("rows of " + task.name() + ": " + input.text, plain(found.list("rows")), model.rows);
                compare(task.name() + ": " + input.text, plain(found.object("answer")), plain(answer.values()));
            }
        }
    }

    /** A model that gives the outputs of a case, one row after the other, and keeps what it was asked. */
    private static final class Recorded implements Model {
        /** Rows are padded to one more than a multiple of this, so that padding is there to be cut. */
        private static final int STEP = 8;

        private final Task task;
        private final List<JsonObject> outputs;
        final List<Object> rows = new ArrayList<>();

        Recorded(Task task, List<JsonObject> outputs) {
            this.task = task;
            this.outputs = outputs;
        }

        @Override
        public int[] lengths() {
            return new int[] {STEP + 1, 2 * STEP + 1, 4 * STEP + 1};
        }

        @Override
        public Map<String, Output> run(Batch batch) {
            int size = 0;
            for (int value : batch.paddingMask[0]) {
                size += value;
            }
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("ids", list(Arrays.copyOf(batch.tokenIds[0], size)));
            row.put("segment_ids", list(Arrays.copyOf(batch.segmentIds[0], size)));
            rows.add(row);
            JsonObject given = outputs.get(Math.min(rows.size(), outputs.size()) - 1);
            Map<String, Output> made = new LinkedHashMap<>();
            for (String name : given.names()) {
                Output output = output(given.list(name));
                int length = batch.tokenIds[0].length * output.width;
                double[] values = task.isOfTokens(name) ? Arrays.copyOf(output.values, length) : output.values;
                made.put(name, new Output(values, output.width));
            }
            return made;
        }

        private static Output output(List<?> values) {
            List<Object> flat = new ArrayList<>();
            int width = 1;
            for (Object value : values) {
                if (value instanceof List) {
                    width = ((List<?>) value).size();
                    flat.addAll((List<?>) value);
                } else {
                    flat.add(value);
                }
            }
            double[] numbers = new double[flat.size()];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = ((Number) flat.get(i)).doubleValue();
            }
            return new Output(numbers, width);
        }
    }

    private void compare(String what, Object expected, Object made) {
        count++;
        String difference = difference(expected, made, "");
        if (difference != null) {
            differences.add("\"" + what + "\"" + difference);
        }
    }

    /** Where two values differ first and how; null where they are equal, numbers to 1e-6. */
    private static String difference(Object expected, Object made, String place) {
        if (expected instanceof Map && made instanceof Map) {
            Map<?, ?> a = (Map<?, ?>) expected;
            Map<?, ?> b = (Map<?, ?>) made;
            if (!a.keySet().equals(b.keySet())) {
                return place + ": expected the names " + a.keySet() + ", got " + b.keySet();
            }
            for (Object name : a.keySet()) {
                String difference = difference(a.get(name), b.get(name), place + " " + name);
                if (difference != null) {
                    return difference;
                }
            }
            return null;
        }
        if (expected instanceof List && made instanceof List) {
            List<?> a = (List<?>) expected;
            List<?> b = (List<?>) made;
            for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
                String difference = difference(a.get(i), b.get(i), place + " " + i);
                if (difference != null) {
                    return difference;
                }
            }
            return a.size() == b.size() ? null : place + ": expected " + a.size() + " values, got " + b.size();
        }
        boolean isEqual = expected instanceof Number && made instanceof Number
                ? Math.abs(((Number) expected).doubleValue() - ((Number) made).doubleValue()) <= TOLERANCE
                : expected == null ? made == null : expected.equals(made);
        return isEqual ? null : place + ": expected " + expected + ", got " + made;
    }

    /** A value of JSON or of an answer in maps, lists and single values. */
    private static Object plain(Object value) {
        Map<String, Object> found = new LinkedHashMap<>();
        if (value instanceof JsonObject) {
            for (String name : ((JsonObject) value).names()) {
                found.put(name, plain(((JsonObject) value).get(name)));
            }
            return found;
        }
        if (value instanceof Map) {
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                found.put((String) entry.getKey(), plain(entry.getValue()));
            }
            return found;
        }
        if (value instanceof Span) {
            Span span = (Span) value;
            if (span.label != null) {
                found.put("label", span.label);
            }
            found.put(span.label == null ? "answer" : "text", span.text);
            found.put("start", span.start);
            found.put("end", span.end);
            found.put("score", span.score);
            return found;
        }
        if (value instanceof List) {
            List<Object> list = new ArrayList<>();
            for (Object element : (List<?>) value) {
                list.add(plain(element));
            }
            return list;
        }
        return value;
    }

    private static List<Object> lists(int[][] rows) {
        List<Object> found = new ArrayList<>();
        for (int[] row : rows) {
            found.add(list(row));
        }
        return found;
    }

    private static List<Integer> list(int[] values) {
        List<Integer> found = new ArrayList<>();
        for (int value : values) {
            found.add(value);
        }
        return found;
    }

    private static List<Integer> listWithNull(int[] values) {
        List<Integer> found = list(values);
        found.replaceAll(value -> value == Encoding.NONE ? null : value);
        return found;
    }
}
