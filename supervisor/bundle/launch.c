/* The entrypoint of every function image: starts the bundle's Python in any root file system.
 *
 * Variables of the image that would affect the loader, Python, malloc or OpenSSL are renamed
 * (LD_PRELOAD=x becomes SCARX_LD_PRELOAD=x), so that they cannot break the supervisor, which
 * restores them for the script. Then the bundle's own dynamic loader is executed.
 *
 * As process 1 it blocks TERM: the kernel drops a TERM for a process 1 that neither has a handler nor
 * blocks it, and Python takes its time to start. supervisor/runtime/pid1.py takes a blocked one. Built
 * without libc:
 *
 *   gcc -Os -static -nostdlib -ffreestanding -fno-builtin -fno-stack-protector -fno-pie -no-pie
 *       -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noseparate-code -s -o launch-x86_64 launch.c
 */
#define HOME "/opt/scar/"

typedef unsigned long word;

void start(word *stack);
long call(long number, long a, long b, long c, long d);

#if defined __x86_64__
enum { WRITE = 1, SIGNAL_MASK = 14, GETPID = 39, EXECVE = 59, EXIT = 60 };
__asm__(".globl _start\n"
        "_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n"
        ".globl call\n"
        "call: mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n mov %r8, %r10\n"
        " syscall\n ret\n");
#elif defined __aarch64__
enum { WRITE = 64, SIGNAL_MASK = 135, GETPID = 172, EXECVE = 221, EXIT = 93 };
__asm__(".globl _start\n"
        "_start: mov x0, sp\n bl start\n"
        ".globl call\n"
        "call: mov x8, x0\n mov x0, x1\n mov x1, x2\n mov x2, x3\n mov x3, x4\n svc 0\n ret\n");
#else
#error "no such architecture"
#endif

static const char *const hidden[] = {
    "LD_", "PYTHON", "GLIBC_TUNABLES=", "MALLOC_", "OPENSSL_", "SSL_CERT_", 0,
};
static const char prefix[] = "SCARX_";
static char *const command[] = {
    HOME "ld.so", "--inhibit-cache", "--library-path", HOME "lib",
    HOME "python", "-I", "-Xutf8", HOME "main.py", 0,
};

static int is_hidden(const char *variable)
{
    for (int i = 0; hidden[i]; i++) {
        const char *given = variable, *wanted = hidden[i];
        while (*wanted && *given == *wanted) {
            given++;
            wanted++;
        }
        if (!*wanted)
            return 1;
    }
    return 0;
}

static word length(const char *text)
{
    word size = 0;
    while (text[size])
        size++;
    return size;
}

/* The kernel gives arguments and environment at most a quarter of the stack's limit, so there is
 * room for copies on the stack. */
void start(word *stack)
{
    word count = stack[0], variables = 0, bytes = 0, fixed = sizeof command / sizeof *command - 1;
    char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;

    for (; environment[variables]; variables++)
        if (is_hidden(environment[variables]))
            bytes += length(environment[variables]) + sizeof prefix;

    char **new_environment = __builtin_alloca((variables + 1) * sizeof(char *));
    char **new_arguments = __builtin_alloca((fixed + count + 1) * sizeof(char *));
    char *text = __builtin_alloca(bytes + 1);

    for (word i = 0; i < variables; i++) {
        char *variable = environment[i];
        new_environment[i] = variable;
        if (!is_hidden(variable))
            continue;
        new_environment[i] = text;
        for (const char *p = prefix; *p; p++)
            *text++ = *p;
        while (*variable)
            *text++ = *variable++;
        *text++ = 0;
    }
    new_environment[variables] = 0;

    word n = 0;
    for (; n < fixed; n++)
        new_arguments[n] = command[n];
    for (word i = 1; i < count; i++)
        new_arguments[n++] = arguments[i];
    new_arguments[n] = 0;

    static const word term = 1UL << (15 - 1);
    if (call(GETPID, 0, 0, 0, 0) == 1)
        call(SIGNAL_MASK, 0 /* SIG_BLOCK */, (long)&term, 0, sizeof term);
    static const char failed[] = "scar: cannot execute " HOME "ld.so; is the image complete?\n";
    call(EXECVE, (long)new_arguments[0], (long)new_arguments, (long)new_environment, 0);
    call(WRITE, 2, (long)failed, sizeof failed - 1, 0);
    call(EXIT, 126, 0, 0, 0);
    __builtin_unreachable();
}
