/* The public header in C++. */
#include "include/tiercel/tiercel.h"

int main()
{
    tiercel_config config;
    tiercel_config_init(&config);
    return config.mode == TIERCEL_MODE_AUTO ? 0 : 1;
}
