#!/usr/bin/env -S Rscript --vanilla
# Fit the Gutenberg-Richter law log10(N) = a - b M to the magnitudes of an earthquake catalogue.

input <- Sys.getenv("INPUT_FILE_PATH")
name <- sub("\\.csv$", "", basename(input))
output <- function(suffix) file.path(Sys.getenv("TMP_OUTPUT_DIR"), paste0(name, suffix))

quakes <- read.csv(input)
magnitudes <- seq(2, 4, by = 0.25)
counts <- sapply(magnitudes, function(m) sum(quakes$magnitude >= m))
used <- counts > 0
fit <- lm(log10(counts[used]) ~ magnitudes[used])

lines <- c(
  sprintf("earthquakes: %d", nrow(quakes)),
  sprintf("strongest:   %.1f", max(quakes$magnitude)),
  sprintf("a: %.2f", coef(fit)[[1]]),
  sprintf("b: %.2f", -coef(fit)[[2]])
)
writeLines(lines, output(".txt"))
writeLines(lines)

pdf(output(".pdf"), width = 5, height = 4)  # needs no display and no fonts, unlike png()
plot(magnitudes[used], counts[used], log = "y", xlab = "magnitude", ylab = "number at least as strong")
lines(magnitudes[used], 10^fitted(fit))
invisible(dev.off())
