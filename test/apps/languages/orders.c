#include <stdio.h>
#include <string.h>

struct order {
  const char *item;
  int times;
};

static int price(const char *item) {
  return strcmp(item, "tea") == 0 ? 3 : 5;
}

static int add(struct order *order) {
  int each = price(order->item);
  int total = each * order->times;
  printf("total %d\n", total);
  fflush(stdout);
  return total;
}

int main(void) {
  char line[100];
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    struct order order = {"tea", (int)strlen(line) - 1};
    add(&order);
  }
  return 7;
}
