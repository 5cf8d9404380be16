# What ./lull and the scripts in dev/ need: a JDK, Maven, Debian's packages. For them to source; they define
# fail MESSAGE HINT.
# shellcheck shell=sh

# The JVM reads and shows names in the locale's encoding, and in cron's it loses all that is not ASCII.
case ${LC_ALL:-${LC_CTYPE:-${LANG-}}} in
*.UTF-8 | *.utf8) ;;
*) LC_ALL=C.UTF-8 && export LC_ALL ;;
esac

# jdk_at DIRECTORY: is it a JDK 25 or newer? Sets jdk, and jdk_id that names this very build of it.
jdk_at() {
    [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
    jdk_id='' major=0
    while IFS='=' read -r key value; do # sorted by key
        value=${value#\"} value=${value%\"}
        case $key in
        IMPLEMENTOR_VERSION | JAVA_RUNTIME_VERSION) jdk_id=$jdk_id-$value ;;
        JAVA_VERSION) major=${value%%[!0-9]*} && break ;;
        esac
    done <"$1/release"
    [ "${major:-0}" -ge 25 ] || return 1
    case $jdk_id in *[!A-Za-z0-9.+_-]*) jdk_id=-$major ;; esac
    jdk=$1
}

find_jdk() {
    [ -n "${JAVA_HOME-}" ] && jdk_at "$JAVA_HOME" && return
    for directory in /usr/lib/jvm/*; do
        jdk_at "$directory" && return
    done
    java=$(command -v java) && java=$(readlink -f -- "$java") && jdk_at "${java%/bin/java}" && return
    fail "no JDK 25 or newer in JAVA_HOME, under /usr/lib/jvm or on PATH" \
        "install one, from your distribution or https://adoptium.net, and set JAVA_HOME if it lies elsewhere"
}

# Maven 3.8.7 runs on JDK 17 if nobody tells it. Its own libraries make JDK 25 warn.
maven() {
    JAVA_HOME="$jdk" \
        MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED ${MAVEN_OPTS-}" \
        mvn -B -ntp -Dstyle.color=never "$@"
}

# install_packages PACKAGE…
install_packages() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "not installed: $*" "as root: apt-get install $*"
    echo "${0##*/}: installing $*" >&2
    apt_get install "$@" >/dev/null 2>&1 || { apt_get update && apt_get install "$@"; } >&2 ||
        fail "apt-get could not install $*" "what it said stands above"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
