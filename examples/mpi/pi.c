/* Computes pi with MPI: each process sums a part of the area under 4 / (1 + x * x). */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    long steps = count > 1 ? atol(arguments[1]) : 1000000;
    int rank, size;
    double part = 0, pi = 0;
    MPI_Init(&count, &arguments);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (steps < 1 && rank == size - 1) {
        fprintf(stderr, "The number of steps must be positive.\n");
        MPI_Abort(MPI_COMM_WORLD, 3);
    }
    for (long step = rank; step < steps; step += size) {
        double x = (step + 0.5) / steps;
        part += 4 / (1 + x * x) / steps;
    }
    MPI_Reduce(&part, &pi, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d processes, %ld steps: pi is %.9f\n", size, steps, pi);
    MPI_Finalize();
    return 0;
}
