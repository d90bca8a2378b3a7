// An exception nobody catches: std::terminate, abort.
#include <cstdio>
#include <stdexcept>

int main()
{
    std::puts("throwing");
    std::fflush(stdout);
    throw std::runtime_error("nobody catches this");
}
