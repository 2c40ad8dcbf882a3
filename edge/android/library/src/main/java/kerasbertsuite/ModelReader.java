package kerasbertsuite;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Makes the vocabulary of a {@code tokenizer.json}; one of a kind not known here is an {@link InputException}. */
final class ModelReader {
    private final String what;

    ModelReader(String what) {
        this.what = what;
    }

    /** The model under {@code model}. */
    PieceModel read(JsonObject model) {
        String type = model.string("type", "WordPiece");
        switch (type) {
            case "WordPiece":
                return new WordPiece(
                        vocabulary(model),
                        model.string("unk_token"),
                        model.string("continuing_subword_prefix", "##"),
                        model.has("max_input_chars_per_word") ? model.integer("max_input_chars_per_word") : 100);
            case "BPE":
                return bytePair(model);
            case "Unigram":
                return unigram(model);
            default:
                throw new StepReader(what).unknown("a vocabulary of the kind", type);
        }
    }

    private static Map<String, Integer> vocabulary(JsonObject model) {
        JsonObject vocabulary = model.object("vocab");
        Map<String, Integer> ids = new HashMap<>();
        for (String piece : vocabulary.names()) {
            ids.put(piece, vocabulary.integer(piece));
        }
        return ids;
    }

    private PieceModel bytePair(JsonObject model) {
        if (model.flag("ignore_merges", false)) {
            throw new StepReader(what).unknown("BPE with", "ignore_merges");
        }
        for (String name : new String[] {"continuing_subword_prefix", "end_of_word_suffix"}) {
            if (!model.string(name, "").isEmpty()) {
                throw new StepReader(what).unknown("BPE with", name);
            }
        }
        if (model.has("dropout") && model.number("dropout") > 0) {
            throw new StepReader(what).unknown("BPE with", "dropout");
        }
        List<String[]> merges = new ArrayList<>();
        for (Object merge : model.list("merges")) {
            merges.add(pair(merge));
        }
        Map<String, Integer> ids = vocabulary(model);
        return new BytePair(
                ids, merges, model.string("unk_token", null), model.flag("fuse_unk", false), bytes(model, ids), what);
    }

    /** The pieces of bytes; null where the model spells nothing in bytes. */
    private ByteFallback bytes(JsonObject model, Map<String, Integer> ids) {
        return model.flag("byte_fallback", false) ? new ByteFallback(ids, what) : null;
    }

    /** A merge, which is an array of two texts or, in older files, one text with a space between. */
    private String[] pair(Object merge) {
        if (merge instanceof List && ((List<?>) merge).size() == 2) {
            return new String[] {(String) ((List<?>) merge).get(0), (String) ((List<?>) merge).get(1)};
        }
        int space = merge instanceof String ? ((String) merge).indexOf(' ') : -1;
        if (space < 0) {
            throw new InputException(what + " has the merge " + merge + "; expected two pieces.");
        }
        return new String[] {((String) merge).substring(0, space), ((String) merge).substring(space + 1)};
    }

    private PieceModel unigram(JsonObject model) {
        List<?> vocabulary = model.list("vocab");
        List<String> pieces = new ArrayList<>();
        double[] scores = new double[vocabulary.size()];
        for (int i = 0; i < scores.length; i++) {
            Object entry = vocabulary.get(i);
            if (!(entry instanceof List) || ((List<?>) entry).size() != 2) {
                throw new InputException(what + " has " + entry + " in its vocabulary; expected a piece and a score.");
            }
            pieces.add((String) ((List<?>) entry).get(0));
            scores[i] = ((Number) ((List<?>) entry).get(1)).doubleValue();
        }
        if (!model.has("unk_id")) {
            throw new InputException(what + " has no unk_id; expected a vocabulary with an unknown piece.");
        }
        Map<String, Integer> ids = new HashMap<>();
        for (int i = 0; i < scores.length; i++) {
            ids.put(pieces.get(i), i);
        }
        return new Unigram(ids, scores, model.integer("unk_id"), bytes(model, ids));
    }
}
