class Tea:
    def __init__(self, price):
        self.price = price


def add(tea, times):
    prices = {'green': tea, 'cake': 5}
    each = tea.price
    total = each * times
    print('total', total, flush=True)
    return total


add(Tea(3), 2)
try:
    add(None, 1)
except AttributeError:
    print('no tea', flush=True)
