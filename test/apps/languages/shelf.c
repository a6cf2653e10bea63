#include <stdio.h>

struct tea {
  const char *name;
  int price;
};

static int add(struct tea *tea, int times) {
  int each = tea->price;
  int total = each * times;
  printf("total %d\n", total);
  fflush(stdout);
  return total;
}

int main(void) {
  struct tea green = {"green", 3};
  add(&green, 2);
  return 7;
}
