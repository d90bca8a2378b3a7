// The standard library at work: maps, sets, sorting, strings, heaps, regular expressions.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <list>
#include <map>
#include <numeric>
#include <queue>
#include <regex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

static std::uint32_t state = 12345;
static std::uint32_t next()
{
    return state = state * 1664525u + 1013904223u;
}

int main()
{
    std::vector<std::uint32_t> numbers(50000);
    std::generate(numbers.begin(), numbers.end(), next);
    std::sort(numbers.begin(), numbers.end());
    std::cout << std::is_sorted(numbers.begin(), numbers.end()) << ' ' << numbers[25000] << '\n';
    std::stable_sort(numbers.begin(), numbers.end(),
                     [](auto a, auto b) { return a % 1000 < b % 1000; });
    std::cout << numbers.front() << ' ' << numbers.back() << '\n';
    std::map<std::string, int> ordered;
    std::unordered_map<std::string, int> hashed;
    for (int i = 0; i < 5000; i++) {
        std::string key = "key" + std::to_string(next() % 700);
        ordered[key]++;
        hashed[key]++;
    }
    long sum = 0;
    for (const auto &[key, count] : ordered)
        sum += hashed[key] == count ? count * static_cast<long>(key.size()) : -1000000;
    std::cout << ordered.size() << ' ' << sum << '\n';
    std::set<int> set;
    for (int i = 0; i < 2000; i++)
        i % 3 ? (void)set.insert(static_cast<int>(next() % 500)) : (void)set.erase(i % 500);
    std::cout << set.size() << ' ' << std::accumulate(set.begin(), set.end(), 0L) << '\n';
    std::priority_queue<int> queue;
    for (int i = 0; i < 1000; i++)
        queue.push(static_cast<int>(next() % 10000));
    long weighted = 0;
    for (int i = 1; !queue.empty(); i++, queue.pop())
        weighted += static_cast<long>(i) * queue.top();
    std::cout << weighted << '\n';
    std::list<int> list{5, 3, 9, 1};
    list.sort();
    list.reverse();
    for (int x : list)
        std::cout << x << ' ';
    std::string text = "the quick brown fox jumps over the lazy dog";
    std::cout << std::regex_replace(text, std::regex("\\b(\\w)(\\w*)"), "$2$1") << '\n';
    std::next_permutation(text.begin(), text.end());
    std::cout << text << '\n';
    return 0;
}
