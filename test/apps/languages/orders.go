package main

import (
	"bufio"
	"fmt"
	"os"
)

type Order struct {
	Item  string
	Times int
}

var cart = map[string]int{"tea": 3, "cake": 5}

func price(item string) int {
	return cart[item]
}

func add(order Order) int {
	each := price(order.Item)
	total := each * order.Times
	fmt.Println("total", total)
	return total
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		add(Order{"tea", len(lines.Text())})
	}
	os.Exit(7)
}
