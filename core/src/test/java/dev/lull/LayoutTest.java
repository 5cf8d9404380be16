package dev.lull;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The order of the packages, as docs/design.md states it under "Layout". */
class LayoutTest {
    /** A package knows those before it, never those after it. */
    private static final List<String> ORDER =
            List.of(
                    "dev.lull.linux",
                    "dev.lull.lease",
                    "dev.lull.guard",
                    "dev.lull.freeze",
                    "dev.lull.run",
                    "dev.lull.snapshot",
                    "dev.lull.participant",
                    "dev.lull.plan",
                    "dev.lull.backup");

    private static final JavaClasses CLASSES =
            new ClassFileImporter()
                    .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                    .importPackages("dev.lull");

    @TestFactory
    Stream<DynamicTest> aPackageKnowsOnlyThoseBeforeIt() {
        return IntStream.range(0, ORDER.size() - 1)
                .mapToObj(i ->
                        DynamicTest.dynamicTest(
                                ORDER.get(i), () -> knowsNoneOf(ORDER.get(i), after(i))));
    }

    private static String[] after(int index) {
        return ORDER.stream().skip(index + 1L).map(name -> name + "..").toArray(String[]::new);
    }

    private static void knowsNoneOf(String name, String[] later) {
        noClasses()
                .that()
                .resideInAPackage(name + "..")
                .should()
                .dependOnClassesThat(resideInAnyPackage(later))
                .allowEmptyShould(true)
                .check(CLASSES);
    }

    @Test
    void everyPackageHasItsPlace() {
        assertThat(CLASSES.stream().map(JavaClass::getPackageName).collect(Collectors.toSet()))
                .isNotEmpty()
                .allSatisfy(name ->
                        assertThat(ORDER)
                                .anyMatch(known ->
                                        name.equals(known) || name.startsWith(known + ".")));
    }

    @Test
    void foreignMemoryStaysInTheKernelLayer() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.lull.linux..")
                .should()
                .dependOnClassesThat(resideInAPackage("java.lang.foreign.."))
                .allowEmptyShould(true)
                .check(CLASSES);
    }

    @Test
    void theLeaseIsPure() {
        noClasses()
                .that()
                .resideInAPackage("dev.lull.lease..")
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("java.io..", "java.nio..", "java.util.concurrent.."))
                .orShould()
                .dependOnClassesThat()
                .belongToAnyOf(Thread.class, ProcessHandle.class)
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(java.time.Instant.class, "now")
                .allowEmptyShould(true)
                .check(CLASSES);
    }
}
