package kerasbertsuite;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** An object of a JSON file, asked for values of a type; a value of another type is an {@link InputException}. */
public final class JsonObject {
    private final Map<String, Object> members;
    private final String what;

    JsonObject(Map<String, Object> members, String what) {
        this.members = members;
        this.what = what;
    }

    /** The names, in the order of the file. */
    public Set<String> names() {
        return members.keySet();
    }

    /** Whether there is a value that is not null. */
    public boolean has(String name) {
        return members.get(name) != null;
    }

    /** A value as it is: a {@code JsonObject}, a {@code List}, a text, a number, a truth value or null. */
    public Object get(String name) {
        return members.get(name);
    }

    /** A text. */
    public String string(String name) {
        return as(String.class, name, "a text");
    }

    /** A text; another value where there is none. */
    public String string(String name, String absent) {
        return has(name) ? string(name) : absent;
    }

    /** A whole number. */
    public int integer(String name) {
        return (int) (long) as(Long.class, name, "a whole number");
    }

    /** A number. */
    public double number(String name) {
        return as(Number.class, name, "a number").doubleValue();
    }

    /** A truth value; another value where there is none. */
    public boolean flag(String name, boolean absent) {
        return has(name) ? as(Boolean.class, name, "true or false") : absent;
    }

    /** An object. */
    public JsonObject object(String name) {
        return as(JsonObject.class, name, "an object");
    }

    /** An array. */
    public List<?> list(String name) {
        return as(List.class, name, "an array");
    }

    /** An array of objects. */
    public List<JsonObject> objects(String name) {
        return elements(JsonObject.class, name, "an array of objects");
    }

    /** An array of texts. */
    public List<String> strings(String name) {
        return elements(String.class, name, "an array of texts");
    }

    private <T> List<T> elements(Class<T> kind, String name, String expected) {
        List<T> found = new ArrayList<>();
        for (Object element : list(name)) {
            if (!kind.isInstance(element)) {
                throw wrong(name, expected);
            }
            found.add(kind.cast(element));
        }
        return found;
    }

    /** What messages call the file that this is of. */
    String what() {
        return what;
    }

    private <T> T as(Class<T> type, String name, String expected) {
        Object value = members.get(name);
        if (!type.isInstance(value)) {
            throw wrong(name, expected);
        }
        return type.cast(value);
    }

    private InputException wrong(String name, String expected) {
        Object value = members.get(name);
        String came = value == null ? "nothing" : value.getClass().getSimpleName();
        return new InputException(what + " has " + came + " under \"" + name + "\"; expected " + expected + ".");
    }
}
