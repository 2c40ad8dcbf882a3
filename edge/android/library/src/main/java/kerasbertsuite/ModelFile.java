package kerasbertsuite;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.Map;

/** A {@code .tflite} file that {@code kbs-export} wrote: what it says about itself, beside the model. */
public final class ModelFile {
    private static final String ABOUT = "keras_bert_suite.json";
    private static final int VERSION = 1;

    private final ByteBuffer content;
    private final Map<String, String> files;
    private final JsonObject about;

    private ModelFile(ByteBuffer content, Map<String, String> files, JsonObject about) {
        this.content = content;
        this.files = files;
        this.about = about;
    }

    /**
     * Opens a file, which stays mapped into memory.
     *
     * @throws InputException it is missing, cut off, was not written by {@code kbs-export}, or has another version.
     */
    public static ModelFile open(File file) {
        try (FileInputStream stream = new FileInputStream(file);
                FileChannel channel = stream.getChannel()) {
            return of(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()), file.getPath());
        } catch (IOException error) {
            throw new InputException(file.getPath() + " cannot be read: " + error.getMessage() + ".");
        }
    }

    /**
     * A file in memory, as an asset that Android maps.
     *
     * @param content the whole file.
     * @param name what messages call it.
     * @throws InputException it is cut off, was not written by {@code kbs-export}, or has another version.
     */
    public static ModelFile of(ByteBuffer content, String name) {
        Map<String, String> files = StoredArchive.files(content);
        if (files == null || !files.containsKey(ABOUT)) {
            throw new InputException(
                    name + " is cut off, or is no file that kbs-export wrote: its metadata are not there.");
        }
        JsonObject about = Json.object(files.get(ABOUT), name + ": " + ABOUT);
        int version = about.integer("version");
        if (version != VERSION) {
            throw new InputException(name + " has metadata of version " + version + "; this library reads version "
                    + VERSION + ".");
        }
        return new ModelFile(content, files, about);
    }

    /** The whole file, which the runtime takes as the model, in the order of bytes that LiteRT wants. */
    public ByteBuffer content() {
        return content.duplicate().order(ByteOrder.nativeOrder());
    }

    /** What {@code keras_bert_suite.json} holds. */
    public JsonObject about() {
        return about;
    }

    /** A file of the archive as a text; null where there is none. */
    public String file(String name) {
        return files.get(name);
    }

    /** The task that the model was trained for. */
    public Task task() {
        return new Task(about.object("task"));
    }

    /** The tokenizer of the file. */
    public Tokenizer tokenizer() {
        return TokenizerFiles.read(about.object("tokenizer"), files);
    }

    /** Ids of a row at most. */
    public int maxLength() {
        return about.integer("max_length");
    }

    /** The lengths of the model's signatures, the shortest first. */
    public int[] lengths() {
        List<?> lengths = about.list("lengths");
        int[] found = new int[lengths.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = ((Number) lengths.get(i)).intValue();
        }
        return found;
    }

    /** The name of the signature of a length. */
    public String signature(int length) {
        int[] lengths = lengths();
        return length == lengths[lengths.length - 1] ? "serving_default" : "serving_length_" + length;
    }
}
