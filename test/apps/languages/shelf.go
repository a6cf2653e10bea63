package main

import (
	"fmt"
	"os"
)

type tea struct {
	name  string
	price int
}

func add(green *tea, times int) int {
	each := green.price
	total := each * times
	fmt.Println("total", total)
	return total
}

func main() {
	green := tea{"green", 3}
	add(&green, 2)
	os.Exit(7)
}
