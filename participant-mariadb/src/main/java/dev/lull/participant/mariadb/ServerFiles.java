package dev.lull.participant.mariadb;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where a server says that it keeps what it needs to start again: its variables, and the files of its tablespaces. Paths
 * are the server's own, absolute and normalized. Pure.
 */
record ServerFiles(Map<String, String> variables) {
    /** Directories; relative ones are below the data directory. */
    private static final List<String> DIRECTORIES =
            List.of(
                    "innodb_data_home_dir",
                    "innodb_log_group_home_dir",
                    "innodb_undo_directory",
                    "innodb_doublewrite_dir",
                    "aria_log_dir_path");

    /** Files, or beginnings of their names. */
    private static final List<String> FILES =
            List.of("log_bin_basename", "log_bin_index", "relay_log_basename", "relay_log_index");

    private static final String DATA = "datadir";
    private static final String DATA_HOME = "innodb_data_home_dir";
    private static final String DATA_FILES = "innodb_data_file_path";

    /** What has to be as it was when a server is started on the files, besides where they are. */
    private static final List<String> FORMS =
            List.of(
                    DATA_FILES,
                    "innodb_page_size",
                    "innodb_undo_tablespaces",
                    "innodb_log_files_in_group",
                    "lower_case_table_names",
                    "server_id");

    ServerFiles {
        variables = Map.copyOf(variables);
    }

    /** What asks a server for the variables. */
    static String query() {
        return "SHOW GLOBAL VARIABLES WHERE Variable_name IN ("
                + Stream.of(List.of(DATA), DIRECTORIES, FILES, FORMS)
                        .flatMap(List::stream)
                        .map(name -> "'" + name + "'")
                        .collect(Collectors.joining(", "))
                + ")";
    }

    /** @param rows the answer to {@link #query} */
    static ServerFiles of(List<Map<String, String>> rows) {
        Map<String, String> variables = new LinkedHashMap<>();
        for (Map<String, String> row : rows) {
            String value = row.getOrDefault("value", "");
            if (!value.isEmpty()) {
                variables.put(row.getOrDefault("variable_name", ""), value);
            }
        }
        return new ServerFiles(variables);
    }

    /** Of those that a participant told of. */
    static ServerFiles ofEvidence(Map<String, String> evidence) {
        return new ServerFiles(evidence);
    }

    /** Empty if the server does not tell. */
    Optional<Path> data() {
        return path(DATA).map(Path::normalize).filter(Path::isAbsolute);
    }

    private Optional<Path> path(String variable) {
        return Optional.ofNullable(variables.get(variable)).map(Path::of);
    }

    /**
     * The directories, each by the variable that names it first; the data directory is the first.
     *
     * @throws IllegalStateException if there is no {@link #data}
     */
    Map<Path, String> directories() {
        Path data = data().orElseThrow();
        Map<Path, String> directories = new LinkedHashMap<>();
        directories.put(data, DATA);
        for (String name : DIRECTORIES) {
            path(name).ifPresent(path -> directories.putIfAbsent(below(data, path), name));
        }
        for (String name : FILES) {
            path(name).ifPresent(path -> directories.putIfAbsent(directoryOf(data, path), name));
        }
        // ibdata1:12M:autoextend;/other/ibdata2:1G
        Path home = below(data, path(DATA_HOME).orElse(data));
        for (String file : variables.getOrDefault(DATA_FILES, "").split(";", -1)) {
            directories.putIfAbsent(directoryOf(home, Path.of(file.split(":", 2)[0])), DATA_FILES);
        }
        return directories;
    }

    /** The directory of a tablespace's file. */
    Path directoryOf(String file) {
        return directoryOf(data().orElseThrow(), Path.of(file));
    }

    private static Path below(Path directory, Path path) {
        return directory.resolve(path).normalize();
    }

    private static Path directoryOf(Path directory, Path file) {
        Path parent = below(directory, file).getParent();
        return parent == null ? directory : parent;
    }

    /** For the command line of a server that starts on these files at the same paths. */
    List<String> options() {
        List<String> options = new ArrayList<>();
        Map<String, String> set = new TreeMap<>();
        Stream.of(List.of(DATA), DIRECTORIES, FORMS)
                .flatMap(List::stream)
                .filter(variables::containsKey)
                .forEach(name -> set.put(name, variables.get(name)));
        set.forEach((name, value) ->
                // Some are of one product, or of some versions alone.
                options.add("--loose-" + name.replace('_', '-') + "=" + value));
        path("log_bin_basename").ifPresent(base -> options.add("--log-bin=" + base));
        path("log_bin_index").ifPresent(index -> options.add("--log-bin-index=" + index));
        return options;
    }
}
