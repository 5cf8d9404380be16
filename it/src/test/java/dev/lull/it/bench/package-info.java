/** What Lull costs beside what one would do without it. {@code dev/bench} runs it; none of it is a test. */
package dev.lull.it.bench;
