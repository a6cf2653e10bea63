import sys

cart = {'tea': 3, 'cake': 5}


class Order:
    def __init__(self, item, times):
        self.item = item
        self.times = times


def price(item):
    return cart[item]


def add(order):
    password = 'hunter2-and-more'
    each = price(order.item)
    total = each * order.times
    print('total', total, flush=True)
    return total


print('ready', flush=True)
for line in sys.stdin:
    add(Order('tea', len(line) - 1))
sys.exit(7)
