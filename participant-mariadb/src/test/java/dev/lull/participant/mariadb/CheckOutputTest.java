package dev.lull.participant.mariadb;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CheckOutputTest {
    @Test
    void silenceIsGood() {
        assertThat(CheckOutput.parse("")).isEqualTo(CheckOutput.parse("\n"));
        assertThat(CheckOutput.parse("").errors()).isEmpty();
    }

    @Test
    void errorsAreDamageAndWarningsAreToBeKnown() {
        CheckOutput output =
                CheckOutput.parse(
                        """
                        shop.visit
                        warning  : 1 client is using or hasn't closed the table properly
                        mysql.general_log
                        note     : The storage engine for the table doesn't support check
                        shop.order
                        Warning  : InnoDB: Index 'k' contains 2 entries, should be 3.
                        error    : Corrupt
                        """);
        assertThat(output.errors()).containsExactly("shop.order: error : Corrupt");
        assertThat(output.warnings())
                .containsExactly(
                        "shop.visit: warning : 1 client is using or hasn't closed the table properly",
                        "shop.order: Warning : InnoDB: Index 'k' contains 2 entries, should be 3.");
    }

    @Test
    void aFloodIsCutShort() {
        assertThat(CheckOutput.parse("a.b\nError    : x\n".repeat(100)).errors())
                .hasSize(9)
                .last()
                .isEqualTo("and more");
    }
}
