// Streams: formatted output, string streams, reading back, locale-free manipulators.
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

int main()
{
    std::cout << "integers " << 42 << ' ' << -7 << ' ' << std::hex << 255 << std::dec << '\n';
    std::cout << std::setprecision(17) << 0.1 << ' ' << 1e300 << ' ' << std::fixed
              << std::setprecision(3) << 2.0 / 3 << '\n';
    std::cout.unsetf(std::ios::fixed);
    std::cout << std::boolalpha << true << ' ' << std::setw(8) << std::setfill('*') << 17 << '\n';
    std::stringstream stream("12 3.5 word 0x1f\nsecond line");
    int i;
    double d;
    std::string word, line;
    stream >> i >> d >> word;
    std::getline(stream, line);
    std::cout << i << '|' << d << '|' << word << '|' << line << '|';
    std::getline(stream, line);
    std::cout << line << std::endl;
    stream.clear();
    stream.str("not a number");
    stream >> i;
    std::cout << "failed " << stream.fail() << '\n';
    std::vector<std::string> words{"alpha", "beta", "gamma"};
    std::ostringstream joined;
    for (const auto &w : words)
        joined << w << (&w == &words.back() ? "" : "-");
    std::cout << joined.str() << ' ' << joined.str().size() << '\n';
    std::cerr << "to standard error\n";
    return 3;
}
