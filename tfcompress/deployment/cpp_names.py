"""Which names a C++ namespace cannot have: those of the language, of its library, and of TFLM itself.

In: a name. Out: an error, or nothing.
"""

from __future__ import annotations

import re

from tfcompress.errors import SettingError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYWORDS = _words(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
    co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default
    delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long
    mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while
    xor xor_eq
    """
)
LIBRARY = _words(
    """
    std tflite flatbuffers gemmlowp ruy main posix linux unix errno assert offsetof setjmp va_list
    abort abs aligned_alloc at_quick_exit atexit atof atoi atol atoll bsearch calloc div exit free getenv labs ldiv
    llabs lldiv malloc mblen mbstowcs mbtowc qsort quick_exit rand realloc srand strtod strtof strtol strtold strtoll
    strtoul strtoull system wcstombs wctomb random srandom setenv putenv unsetenv alloca
    memccpy memchr memcmp memcpy memmem memmove mempcpy memrchr memset strcasecmp strcasestr strcat strchr strchrnul
    strcmp strcoll strcpy strcspn strdup strerror strlcat strlcpy strlen strncasecmp strncat strncmp strncpy strndup
    strnlen strpbrk strrchr strsep strsignal strspn strstr strtok strxfrm stpcpy stpncpy bcmp bcopy bzero index rindex
    basename ffs ffsl ffsll swab
    clearerr fclose feof ferror fflush fgetc fgetpos fgets fileno fopen fprintf fputc fputs fread freopen fscanf fseek
    fsetpos ftell fwrite getc getchar getdelim getline gets getw perror popen pclose printf putc putchar puts putw
    remove rename rewind scanf setbuf setvbuf snprintf sprintf sscanf stderr stdin stdout tmpfile tmpnam ungetc vprintf
    vsnprintf vsprintf dprintf asprintf
    isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower toupper
    asctime clock ctime difftime gmtime localtime mktime strftime time timespec tm signal raise sigaction
    close open read write lseek link unlink access dup pipe fork select sleep usleep pause
    gamma signgam significand scalb drem finite j0 j1 jn y0 y1 yn isinf isnan sincos pow10 exp10 canonicalize iszero
    issignaling iscanonical iseqsig fadd fsub fmul fdiv ffma fsqrt fmaximum fminimum fmaxmag fminmag llogb roundeven
    nextup nextdown fromfp ufromfp totalorder uint ulong ushort timeval obstack realpath mkstemp mktemp mkdtemp tempnam
    ctermid gcvt ecvt fcvt drand48 lrand48 mrand48 srand48 initstate setstate valloc fdopen fseeko ftello rpmatch
    """
)
MATH = _words(
    """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax
    fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint
    nextafter nexttoward pow remainder remquo rint round scalbln scalbn sin sinh sqrt tan tanh tgamma trunc
    """
)
"""Each with an f and an l behind it as well."""
RESERVED = re.compile(
    # types of C and POSIX; what TFLM declares outside its namespace; macros of the library
    r"\w+_t|k?TfLite\w*|TFLITE_\w+|TF_LITE_\w+|U?INT\w*_(MIN|MAX|C|WIDTH)|(FLT|DBL|LDBL|FP|M|HUGE|EXIT|SEEK)_\w+"
    r"|(CHAR|SCHAR|UCHAR|SHRT|USHRT|LONG|ULONG|LLONG|ULLONG|SIZE|SSIZE|PTRDIFF|WCHAR|WINT|RAND|PATH|NAME)_(MIN|MAX|BIT)"
    r"|NULL|EOF|NAN|INFINITY|FILE|BUFSIZ|CHAR_BIT|HUGE_VAL\w?|NDEBUG|DEBUG|I"
)


def require_namespace(name: str) -> None:
    """Raise `SettingError` unless a name can be that of a C++ namespace beside TFLM and the standard library."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or "__" in name:
        raise SettingError("name must be a C++ name: letters, digits, single underscores.", received=repr(name))
    is_math = name in MATH or (name[-1] in "fl" and name[:-1] in MATH | LIBRARY)
    if name in KEYWORDS | LIBRARY or is_math or RESERVED.fullmatch(name):
        kind = "a keyword of C++" if name in KEYWORDS else "a name that C++, its library or TFLM has already"
        free = f"{name.strip('_')}_model"
        raise SettingError(
            "name becomes a C++ namespace, and must not be taken: it would not compile.",
            received=f"{name!r}, {kind}",
            hint=f"Choose another one, such as {f'net_{free}' if RESERVED.fullmatch(free) else free!r}.",
        )
