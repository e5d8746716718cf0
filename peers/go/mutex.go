// concurrency.Mutex of etcd's own client, told what to do by lines on its input; it ends with its input.
//
//	mutex pair ENDPOINT          on `pair`: locks and unlocks, and says how many microseconds that took
//	mutex hand-over ENDPOINT     on `hand-over MS`: from unlock in one session to lock in another that has waited for so long
//	mutex waiter ENDPOINT NAME   as the waiters of permits-etcd
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func connect(endpoint string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 30 * time.Second})
	check(err)
	return client
}

// A client and a session of its own: its lease, and what renews it.
func mutex(endpoint, name string) *concurrency.Mutex {
	session, err := concurrency.NewSession(connect(endpoint), concurrency.WithTTL(60))
	check(err)
	return concurrency.NewMutex(session, name)
}

func lock(mutex *concurrency.Mutex)   { check(mutex.Lock(context.Background())) }
func unlock(mutex *concurrency.Mutex) { check(mutex.Unlock(context.Background())) }

func say(took time.Duration) { fmt.Printf("%.3f\n", float64(took.Nanoseconds())/1e3) }

func pairs(input *bufio.Scanner, endpoint string) {
	one := mutex(endpoint, "pair")
	fmt.Println("ready")
	for input.Scan() {
		start := time.Now()
		lock(one)
		unlock(one)
		say(time.Since(start))
	}
}

func handOver(input *bufio.Scanner, endpoint string) {
	sides := [2]*concurrency.Mutex{mutex(endpoint, "hand-over"), mutex(endpoint, "hand-over")}
	looker := connect(endpoint)
	lock(sides[0])
	fmt.Println("ready")
	for next := 1; input.Scan(); next = 1 - next {
		had := make(chan time.Time)
		go func(side *concurrency.Mutex) {
			lock(side)
			had <- time.Now()
		}(sides[next])
		for {
			queue, err := looker.Get(context.Background(), "hand-over/", clientv3.WithPrefix(), clientv3.WithCountOnly())
			check(err)
			if queue.Count == 2 {
				break
			}
		}
		waited, err := strconv.Atoi(strings.TrimPrefix(input.Text(), "hand-over "))
		check(err)
		time.Sleep(time.Duration(waited) * time.Millisecond)
		start := time.Now()
		unlock(sides[1-next])
		say((<-had).Sub(start))
	}
}

// Nanoseconds of a clock that all processes share.
func clock() int64 {
	var now syscall.Timespec
	const monotonic = 1
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		check(errno)
	}
	return now.Nano()
}

func waiter(input *bufio.Scanner, endpoint, name string) {
	one := mutex(endpoint, name)
	orders := make(chan string, 1)
	go func() {
		for input.Scan() {
			orders <- input.Text()
		}
		os.Exit(0)
	}()
	fmt.Println("ready")
	for order := range orders {
		hold, err := strconv.Atoi(strings.TrimPrefix(order, "go "))
		check(err)
		var grants strings.Builder
		for len(orders) == 0 {
			lock(one)
			had := clock()
			if hold > 0 {
				time.Sleep(time.Duration(hold) * time.Microsecond)
			}
			fmt.Fprintf(&grants, "%d %d\n", had, clock())
			unlock(one)
		}
		<-orders
		fmt.Print(grants.String())
		fmt.Println("end")
	}
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	switch os.Args[1] {
	case "pair":
		pairs(input, os.Args[2])
	case "hand-over":
		handOver(input, os.Args[2])
	case "waiter":
		waiter(input, os.Args[2], os.Args[3])
	}
}
