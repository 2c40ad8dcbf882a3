package kerasbertsuite;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Makes the {@link Tokenizer} of a model's files: {@code vocab.txt} and a few settings, or {@code tokenizer.json}. */
public final class TokenizerFiles {
    private static final String VOCABULARY = "vocab.txt";
    private static final String WHOLE = "tokenizer.json";
    private static final String CONFIG = "tokenizer_config.json";
    private static final String[] BERT = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    private static final String[] ROLES = {"pad_token", "unk_token", "cls_token", "sep_token", "mask_token"};

    private TokenizerFiles() {}

    /**
     * The tokenizer.
     *
     * @param about what {@code keras_bert_suite.json} says under {@code tokenizer}.
     * @param files the files by name.
     * @throws InputException a file is missing or broken, or names a step that is not known here.
     */
    public static Tokenizer read(JsonObject about, Map<String, String> files) {
        if (!about.has("files")) {
            return ofVocabulary(about, file(files, VOCABULARY));
        }
        if (!files.containsKey(WHOLE)) {
            throw new InputException("The tokenizer is kept in " + about.strings("files")
                    + "; this library reads " + VOCABULARY + " or " + WHOLE + ".");
        }
        String config = files.containsKey(CONFIG) ? files.get(CONFIG) : "{}";
        try {
            return ofWhole(Json.object(files.get(WHOLE), WHOLE), Json.object(config, CONFIG));
        } catch (ClassCastException | IndexOutOfBoundsException error) {
            throw new InputException(WHOLE + " is no tokenizer that this library reads: a step of it is of a form that "
                    + "the tokenizers library does not write.");
        }
    }

    private static String file(Map<String, String> files, String name) {
        String text = files.get(name);
        if (text == null) {
            throw new InputException("The model has no " + name + "; expected a file that kbs-export wrote.");
        }
        return text;
    }

    private static Tokenizer ofVocabulary(JsonObject about, String vocabulary) {
        if (!about.string("convention").equals("bert")) {
            throw new InputException("Received convention=" + about.string("convention") + "; expected bert.");
        }
        Map<String, Integer> ids = new HashMap<>();
        int count = 0;
        for (int start = 0; start < vocabulary.length(); count++) {
            // At line feeds alone: vocabularies have pieces such as U+2028.
            int end = vocabulary.indexOf('\n', start);
            end = end < 0 ? vocabulary.length() : end;
            ids.put(vocabulary.substring(start, end), count);
            start = end + 1;
        }
        List<AddedPieces.Piece> added = new ArrayList<>();
        for (String piece : BERT) {
            if (ids.containsKey(piece)) {
                added.add(new AddedPieces.Piece(ids.get(piece), CodePoints.of(piece), false, false));
            } else if (!piece.equals("[MASK]")) {
                throw new InputException(VOCABULARY + " has " + count + " pieces and lacks " + piece + ".");
            }
        }
        for (String piece : about.strings("added_tokens")) {
            if (ids.containsKey(piece)) {
                added.add(new AddedPieces.Piece(ids.get(piece), CodePoints.of(piece), false, false));
            }
        }
        boolean lowercase = about.flag("lowercase", true);
        Normalizer normalizer = Normalizers.bert(
                about.flag("split_chinese", true), about.flag("strip_accents", lowercase), lowercase);
        WordPiece model = new WordPiece(ids, "[UNK]", "##", about.integer("max_word_characters"));
        PreTokenizer words = bertWords();
        Framing framing = Framing.around(ids.get("[CLS]"), ids.get("[SEP]"), new int[] {ids.get("[SEP]")}, 1);
        return new Tokenizer(
                new AddedPieces(added),
                new AddedPieces(new ArrayList<AddedPieces.Piece>()),
                new Tokenizer.Steps(normalizer, words, model),
                framing,
                false,
                ids.get("[PAD]"),
                false);
    }

    static PreTokenizer bertWords() {
        List<PreTokenizer> steps = new ArrayList<>();
        steps.add(PreTokenizers::atSpaces);
        steps.add(PreTokenizers::atPunctuation);
        return PreTokenizers.sequence(steps);
    }

    private static Tokenizer ofWhole(JsonObject whole, JsonObject config) {
        StepReader reader = new StepReader(whole.what());
        PieceModel model = new ModelReader(whole.what()).read(whole.object("model"));
        Normalizer normalizer = reader.normalizer(whole.get("normalizer"));
        PreTokenizer words = reader.preTokenizer(whole.get("pre_tokenizer"));
        List<AddedPieces.Piece> verbatim = new ArrayList<>();
        List<AddedPieces.Piece> normalized = new ArrayList<>();
        Map<String, Integer> addedIds = new HashMap<>();
        if (whole.has("added_tokens")) {
            for (JsonObject token : whole.objects("added_tokens")) {
                if (token.flag("single_word", false)) {
                    throw reader.unknown("the added piece", token.string("content") + ", matched as a single word");
                }
                addedIds.put(token.string("content"), token.integer("id"));
                boolean isNormalized = token.flag("normalized", true);
                int[] content = CodePoints.of(token.string("content"));
                content = isNormalized ? normalizer.apply(AlignedText.of(content)).characters : content;
                (isNormalized ? normalized : verbatim).add(new AddedPieces.Piece(
                        token.integer("id"), content, token.flag("lstrip", false), token.flag("rstrip", false)));
            }
        }
        Set<String> named = new HashSet<>();
        for (String role : ROLES) {
            String piece = named(config, role);
            Integer id = piece == null || addedIds.containsKey(piece) ? null : model.id(piece);
            if (id != null && named.add(piece)) {
                verbatim.add(new AddedPieces.Piece(id, CodePoints.of(piece), false, false));
            }
        }
        boolean isBert = reader.isBert(whole) && model instanceof WordPiece;
        return new Tokenizer(
                new AddedPieces(verbatim),
                new AddedPieces(normalized),
                new Tokenizer.Steps(normalizer, words, model),
                reader.framing(whole.get("post_processor")),
                !isBert,
                padId(config, model, addedIds),
                padsLeft(whole, config));
    }

    /** A special piece of {@code tokenizer_config.json}, which is a text or an object; null for none. */
    private static String named(JsonObject config, String role) {
        Object value = config.get(role);
        return value instanceof JsonObject ? ((JsonObject) value).string("content") : config.string(role, null);
    }

    private static int padId(JsonObject config, PieceModel model, Map<String, Integer> added) {
        for (String piece : new String[] {named(config, "pad_token"), "[PAD]", "<pad>"}) {
            Integer id = piece == null ? null : added.containsKey(piece) ? added.get(piece) : model.id(piece);
            if (id != null) {
                return id;
            }
        }
        return 0;
    }

    private static boolean padsLeft(JsonObject whole, JsonObject config) {
        String stated = whole.has("padding") ? whole.object("padding").string("direction", "right") : "right";
        return config.string("padding_side", stated).equalsIgnoreCase("left");
    }
}
