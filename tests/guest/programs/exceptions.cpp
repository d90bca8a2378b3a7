// Exceptions through frames: destructors, rethrow, nested, function try blocks, a thread of
// catches.
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Trace {
    const char *name;
    explicit Trace(const char *n) : name(n)
    {
        std::printf("enter %s\n", name);
    }
    ~Trace()
    {
        std::printf("leave %s\n", name);
    }
};

static int depth(int n)
{
    Trace trace(n % 2 ? "odd" : "even");
    if (n == 0)
        throw std::runtime_error("bottom");
    return depth(n - 1) + 1;
}

struct Base {
    virtual ~Base() = default;
    virtual int value() const
    {
        return 1;
    }
};
struct Derived : Base {
    int value() const override
    {
        return 2;
    }
};

static void nested()
{
    try {
        throw std::invalid_argument("inner");
    } catch (...) {
        std::throw_with_nested(std::logic_error("outer"));
    }
}

static long many()
{
    long caught = 0;
    for (int i = 0; i < 20000; i++) {
        try {
            if (i % 3 == 0)
                throw i;
            if (i % 3 == 1)
                throw static_cast<double>(i);
            throw std::string("text");
        } catch (int n) {
            caught += n;
        } catch (double d) {
            caught += static_cast<long>(d) * 2;
        } catch (const std::string &s) {
            caught += static_cast<long>(s.size());
        }
    }
    return caught;
}

int main()
{
    try {
        depth(3);
    } catch (const std::exception &e) {
        std::printf("caught %s\n", e.what());
    }
    try {
        nested();
    } catch (const std::exception &e) {
        std::printf("caught %s\n", e.what());
        try {
            std::rethrow_if_nested(e);
        } catch (const std::exception &inner) {
            std::printf("nested %s\n", inner.what());
        }
    }
    try {
        std::vector<int>(3).at(10) = 1;
    } catch (const std::out_of_range &) {
        std::puts("out of range");
    }
    try {
        Base base;
        (void)dynamic_cast<Derived &>(base);
    } catch (const std::bad_cast &) {
        std::puts("bad cast");
    }
    std::unique_ptr<Base> object = std::make_unique<Derived>();
    std::printf("virtual %d\n", object->value());
    std::function<int(int)> twice = [](int x) { return 2 * x; };
    std::printf("function %d, caught %ld\n", twice(21), many());
    std::set_terminate([] {
        std::puts("terminate handler");
        std::fflush(stdout);
        std::_Exit(5);
    });
    throw 1;
}
