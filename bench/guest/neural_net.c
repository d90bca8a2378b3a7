/*
 * neural_net: trains a small net of three layers by back-propagation.
 *
 * Dot products and updates over short double vectors. The exponential of the sigmoid is
 * computed here from + - * / alone, so that training gives the same bits on every machine.
 */
#include "bench/guest/kernel.h"

#define NAME "neural_net"

enum {
    INPUTS = 36,
    HIDDEN = 16,
    OUTPUTS = 10,
    PATTERNS = 10,
    EPOCHS = 400,
};

struct net {
    double hidden_weight[HIDDEN][INPUTS + 1]; /* the last weight is the bias */
    double output_weight[OUTPUTS][HIDDEN + 1];
    double hidden[HIDDEN], output[OUTPUTS];
    double hidden_error[HIDDEN], output_error[OUTPUTS];
};

struct pattern {
    double input[INPUTS], wanted[OUTPUTS];
};

static const double learning_rate = 0.5;

/* e^x for |x| < 700: 2^n * e^r with |r| <= ln2 / 2 and a Taylor polynomial for e^r. */
static double exponential(double x)
{
    const double log2e = 1.44269504088896340736, ln2 = 0.69314718055994530942;
    double scaled = x * log2e;
    int64_t n = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    double r = x - (double)n * ln2, sum = 1.0;
    for (int i = 11; i > 0; i--)
        sum = 1.0 + sum * r * (1.0 / i);
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exponential(-x));
}

static double weigh(const double *weights, const double *values, int count)
{
    double sum = weights[count];
    for (int i = 0; i < count; i++)
        sum += weights[i] * values[i];
    return sum;
}

static void forward(struct net *net, const double *input)
{
    for (int i = 0; i < HIDDEN; i++)
        net->hidden[i] = sigmoid(weigh(net->hidden_weight[i], input, INPUTS));
    for (int i = 0; i < OUTPUTS; i++)
        net->output[i] = sigmoid(weigh(net->output_weight[i], net->hidden, HIDDEN));
}

static void find_errors(struct net *net, const double *wanted)
{
    for (int i = 0; i < OUTPUTS; i++) {
        double out = net->output[i];
        net->output_error[i] = (wanted[i] - out) * out * (1.0 - out);
    }
    for (int i = 0; i < HIDDEN; i++) {
        double sum = 0, out = net->hidden[i];
        for (int j = 0; j < OUTPUTS; j++)
            sum += net->output_error[j] * net->output_weight[j][i];
        net->hidden_error[i] = sum * out * (1.0 - out);
    }
}

static void adjust(double *weights, const double *values, int count, double error)
{
    double step = learning_rate * error;
    for (int i = 0; i < count; i++)
        weights[i] += step * values[i];
    weights[count] += step;
}

static void learn(struct net *net, const struct pattern *pattern)
{
    forward(net, pattern->input);
    find_errors(net, pattern->wanted);
    for (int i = 0; i < OUTPUTS; i++)
        adjust(net->output_weight[i], net->hidden, HIDDEN, net->output_error[i]);
    for (int i = 0; i < HIDDEN; i++)
        adjust(net->hidden_weight[i], pattern->input, INPUTS, net->hidden_error[i]);
}

static void init(struct net *net, struct pattern *patterns, struct kernel_random *random)
{
    memset(net, 0, sizeof *net);
    for (int i = 0; i < HIDDEN; i++) {
        for (int j = 0; j <= INPUTS; j++)
            net->hidden_weight[i][j] = random_centred(random);
    }
    for (int i = 0; i < OUTPUTS; i++) {
        for (int j = 0; j <= HIDDEN; j++)
            net->output_weight[i][j] = random_centred(random);
    }
    for (int i = 0; i < PATTERNS; i++) {
        for (int j = 0; j < INPUTS; j++)
            patterns[i].input[j] = random_below(random, 2) ? 0.9 : 0.1;
        for (int j = 0; j < OUTPUTS; j++)
            patterns[i].wanted[j] = i == j ? 0.9 : 0.1;
    }
}

static double squared_error(struct net *net, const struct pattern *patterns)
{
    double sum = 0;
    for (int i = 0; i < PATTERNS; i++) {
        forward(net, patterns[i].input);
        for (int j = 0; j < OUTPUTS; j++) {
            double error = patterns[i].wanted[j] - net->output[j];
            sum += error * error;
        }
    }
    return sum;
}

static uint64_t train(struct kernel_random *random, uint64_t checksum)
{
    static struct net net;
    static struct pattern patterns[PATTERNS];
    init(&net, patterns, random);
    double before = squared_error(&net, patterns);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        for (int i = 0; i < PATTERNS; i++)
            learn(&net, &patterns[i]);
    }
    double after = squared_error(&net, patterns);
    if (!(after < before))
        kernel_fail(NAME, "training does not reduce the error");
    checksum = checksum_add_double(checksum, after);
    return checksum_add_double(checksum, net.hidden_weight[0][0]);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {1986};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++)
        checksum = train(&random, checksum);
    return kernel_finish(NAME, checksum);
}
