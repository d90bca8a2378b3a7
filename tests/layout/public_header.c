/* Compiled alone: the public header needs nothing else, in C and (public_header.cpp) in C++. */
#include "include/tiercel/tiercel.h"

int main(void)
{
    tiercel_config config;
    tiercel_config_init(&config);
    return config.mode == TIERCEL_MODE_AUTO ? 0 : 1;
}
