package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;

/** Makes the steps that a {@code tokenizer.json} names; one that is not known here is an {@link InputException}. */
final class StepReader {
    private final String what;

    StepReader(String what) {
        this.what = what;
    }

    /** The error that a file asks for what is not known here. */
    InputException unknown(String kind, String name) {
        return new InputException(what + " has " + kind + " " + name + ", which this library does not know; "
                + "export the model with a tokenizer of BERT's, RoBERTa's or SentencePiece's kind.");
    }

    /** The normalizer; null in the file is none. */
    Normalizer normalizer(Object value) {
        if (value == null) {
            return text -> text;
        }
        JsonObject step = (JsonObject) value;
        switch (step.string("type")) {
            case "Sequence":
                List<Normalizer> steps = new ArrayList<>();
                for (JsonObject inner : step.objects("normalizers")) {
                    steps.add(normalizer(inner));
                }
                return Normalizers.sequence(steps);
            case "BertNormalizer":
                return bert(step);
            case "Lowercase":
                return Normalizers::lowercased;
            case "NFD":
                return text -> Normalizers.decomposed(text, false);
            case "NFKD":
                return text -> Normalizers.decomposed(text, true);
            case "StripAccents":
                return Normalizers::withoutMarks;
            case "Strip":
                return Normalizers.strip(step.flag("strip_left", true), step.flag("strip_right", true));
            case "Precompiled":
                return CharacterMap.of(step.string("precompiled_charsmap"), what);
            case "Prepend":
                return Normalizers.prepend(CodePoints.of(step.string("prepend")));
            case "Replace":
                return replace(step);
            default:
                throw unknown("the normalizer", step.string("type"));
        }
    }

    private Normalizer bert(JsonObject step) {
        if (!step.flag("clean_text", true)) {
            throw unknown("the normalizer", "BertNormalizer without clean_text");
        }
        boolean lowercase = step.flag("lowercase", true);
        boolean splitChinese = step.flag("handle_chinese_chars", true);
        return Normalizers.bert(splitChinese, step.flag("strip_accents", lowercase), lowercase);
    }

    private Normalizer replace(JsonObject step) {
        JsonObject pattern = step.object("pattern");
        int[] content = CodePoints.of(step.string("content"));
        if (pattern.has("String") && !pattern.string("String").isEmpty()) {
            return Normalizers.replace(CodePoints.of(pattern.string("String")), content);
        }
        switch (pattern.string("Regex", "")) {
            case " {2,}":
                return Normalizers.replaceRunsOfSpaces(content);
            case "\\A ":
                return Normalizers.replaceFirstSpace(content);
            case "\\A +| +\\z":
                if (content.length == 0) {
                    return Normalizers::withoutSpacesAtEnds;
                }
                break;
            default:
                break;
        }
        throw unknown("a Replace of the pattern", "\"" + pattern.string("Regex", "") + "\"");
    }

    /** The pre-tokenizer; null in the file is none. */
    PreTokenizer preTokenizer(Object value) {
        if (value == null) {
            return (text, words) -> words.add(text);
        }
        JsonObject step = (JsonObject) value;
        switch (step.string("type")) {
            case "Sequence":
                List<PreTokenizer> steps = new ArrayList<>();
                for (JsonObject inner : step.objects("pretokenizers")) {
                    steps.add(preTokenizer(inner));
                }
                return PreTokenizers.sequence(steps);
            case "BertPreTokenizer":
                return TokenizerFiles.bertWords();
            case "WhitespaceSplit":
                return PreTokenizers::atSpaces;
            case "Punctuation":
                if (!step.string("behavior", "Isolated").equals("Isolated")) {
                    throw unknown("the pre-tokenizer Punctuation with", step.string("behavior"));
                }
                return PreTokenizers::atPunctuation;
            case "Metaspace":
                return metaspace(step);
            case "ByteLevel":
                return new ByteLevel(step.flag("add_prefix_space", true), step.flag("use_regex", true));
            default:
                throw unknown("the pre-tokenizer", step.string("type"));
        }
    }

    private PreTokenizer metaspace(JsonObject step) {
        int mark = step.string("replacement").codePointAt(0);
        boolean splits = step.flag("split", true);
        switch (step.string("prepend_scheme", "always")) {
            case "always":
                return PreTokenizers.metaspace(mark, PreTokenizers.Prepend.ALWAYS, splits);
            case "first":
                return PreTokenizers.metaspace(mark, PreTokenizers.Prepend.FIRST, splits);
            case "never":
                return PreTokenizers.metaspace(mark, PreTokenizers.Prepend.NEVER, splits);
            default:
                throw unknown("the pre-tokenizer Metaspace with", step.string("prepend_scheme"));
        }
    }

    /** Whether a file is of BERT's make, whose words are those of its pre-tokenizer. */
    boolean isBert(JsonObject whole) {
        return isType(whole.get("normalizer"), "BertNormalizer")
                && isType(whole.get("pre_tokenizer"), "BertPreTokenizer");
    }

    private static boolean isType(Object step, String type) {
        return step instanceof JsonObject && ((JsonObject) step).string("type").equals(type);
    }

    /** The post-processor; null in the file is none. */
    Framing framing(Object value) {
        if (value == null) {
            return Framing.none();
        }
        JsonObject step = (JsonObject) value;
        switch (step.string("type")) {
            case "TemplateProcessing":
                JsonObject special = step.object("special_tokens");
                return Framing.of(template(step.objects("single"), special), template(step.objects("pair"), special));
            case "RobertaProcessing":
                int sep = id(step, "sep");
                Framing framing = Framing.around(id(step, "cls"), sep, new int[] {sep, sep}, 0);
                return step.flag("trim_offsets", true)
                        ? framing.trimming(step.flag("add_prefix_space", true))
                        : framing;
            case "BertProcessing":
                return Framing.around(id(step, "cls"), id(step, "sep"), new int[] {id(step, "sep")}, 1);
            case "ByteLevel":
                return step.flag("trim_offsets", true)
                        ? Framing.none().trimming(step.flag("add_prefix_space", true))
                        : Framing.none();
            default:
                throw unknown("the post-processor", step.string("type"));
        }
    }

    private static int id(JsonObject step, String role) {
        return ((Number) step.list(role).get(1)).intValue();
    }

    private List<Framing.Part> template(List<JsonObject> parts, JsonObject special) {
        List<Framing.Part> found = new ArrayList<>();
        for (JsonObject part : parts) {
            if (part.has("Sequence")) {
                JsonObject text = part.object("Sequence");
                int sequence = text.string("id").equals("A") ? 0 : 1;
                found.add(Framing.Part.text(sequence, text.integer("type_id")));
                continue;
            }
            JsonObject piece = part.object("SpecialToken");
            List<?> listed = special.object(piece.string("id")).list("ids");
            int[] ids = new int[listed.size()];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = ((Number) listed.get(i)).intValue();
            }
            found.add(Framing.Part.special(piece.integer("type_id"), ids));
        }
        return found;
    }
}
