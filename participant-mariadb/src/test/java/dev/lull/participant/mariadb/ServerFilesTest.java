package dev.lull.participant.mariadb;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ServerFilesTest {
    private static ServerFiles files(Map<String, String> more) {
        var rows = new java.util.ArrayList<Map<String, String>>();
        rows.add(Map.of("variable_name", "datadir", "value", "/var/lib/mysql/"));
        more.forEach((name, value) -> rows.add(Map.of("variable_name", name, "value", value)));
        return ServerFiles.of(rows);
    }

    @Test
    void whatIsUsualLiesInTheDataDirectory() {
        ServerFiles files =
                files(
                        Map.of(
                                "innodb_log_group_home_dir",
                                "./",
                                "innodb_undo_directory",
                                ".",
                                "innodb_data_home_dir",
                                "",
                                "innodb_data_file_path",
                                "ibdata1:12M:autoextend",
                                "aria_log_dir_path",
                                "/var/lib/mysql/",
                                "log_bin_basename",
                                ""));
        assertThat(files.directories()).containsOnlyKeys(Path.of("/var/lib/mysql"));
        assertThat(files.options()).noneMatch(option -> option.contains("log-bin"));
    }

    @Test
    void whatLiesElsewhereIsNamedByItsVariable() {
        ServerFiles files =
                files(
                        Map.of(
                                "innodb_log_group_home_dir",
                                "/redo",
                                "innodb_undo_directory",
                                "../undo",
                                "innodb_doublewrite_dir",
                                "/twice/",
                                "innodb_data_file_path",
                                "ibdata1:12M;/more/ibdata2:1G:autoextend",
                                "log_bin_basename",
                                "/log/binary",
                                "log_bin_index",
                                "/log/binary.index",
                                "relay_log_basename",
                                "/relay/relay"));
        assertThat(files.directories())
                .containsOnly(
                        Map.entry(Path.of("/var/lib/mysql"), "datadir"),
                        Map.entry(Path.of("/redo"), "innodb_log_group_home_dir"),
                        Map.entry(Path.of("/var/lib/undo"), "innodb_undo_directory"),
                        Map.entry(Path.of("/twice"), "innodb_doublewrite_dir"),
                        Map.entry(Path.of("/more"), "innodb_data_file_path"),
                        Map.entry(Path.of("/log"), "log_bin_basename"),
                        Map.entry(Path.of("/relay"), "relay_log_basename"));
        assertThat(files.options())
                .contains(
                        "--loose-datadir=/var/lib/mysql/",
                        "--loose-innodb-log-group-home-dir=/redo",
                        "--log-bin=/log/binary",
                        "--log-bin-index=/log/binary.index");
    }

    @Test
    void aTablespaceLiesWhereItsFileDoes() {
        ServerFiles files = files(Map.of());
        assertThat(files.directoryOf("./shop/order.ibd")).isEqualTo(Path.of("/var/lib/mysql/shop"));
        assertThat(files.directoryOf("/fast/shop/order.ibd")).isEqualTo(Path.of("/fast/shop"));
        assertThat(files.directoryOf("ibdata1")).isEqualTo(Path.of("/var/lib/mysql"));
    }

    @Test
    void aServerThatTellsNoDirectoryHasNone() {
        assertThat(ServerFiles.of(List.of()).data()).isEmpty();
        assertThat(new ServerFiles(Map.of("datadir", "data")).data()).isEmpty();
    }

    @Test
    void placesAreReadAsTheyWereWritten() {
        Path data = Path.of("/var/lib/mysql");
        Map<Path, Path> real =
                Map.of(
                        data,
                        Path.of("/srv/mysql"),
                        data.resolve("shop"),
                        Path.of("/srv/mysql/shop"),
                        data.resolve("mail"),
                        Path.of("/fast/mail"),
                        Path.of("/a is b"),
                        Path.of("/a is b"));
        Map<String, String> evidence = new Places(real, data).evidence();
        assertThat(Places.ofEvidence(evidence))
                .containsOnly(
                        Map.entry(data, Path.of("/srv/mysql")),
                        Map.entry(data.resolve("mail"), Path.of("/fast/mail")),
                        Map.entry(Path.of("/a is b"), Path.of("/a is b")));
    }
}
