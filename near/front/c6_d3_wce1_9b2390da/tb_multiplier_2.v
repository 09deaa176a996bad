`default_nettype none

// Checks multiplier_2 against multiplier_2_vectors.mem, which must lie in the folder this is run in.
// A line of that file is {1, care bits, expected bits, input bits}.
// Run with +vcd to get multiplier_2.vcd.
module tb_multiplier_2;
    localparam VECTORS = 16;
    localparam INPUTS = 4;
    localparam OUTPUTS = 4;
    localparam WIDTH = 1 + 2 * OUTPUTS + INPUTS;

    reg [WIDTH-1:0] vectors [0:VECTORS-1];
    reg [INPUTS-1:0] inputs;
    reg [OUTPUTS-1:0] expected;
    reg [OUTPUTS-1:0] care;
    reg present;
    wire [OUTPUTS-1:0] got;
    integer index;
    integer failed;
    integer loaded;

    multiplier_2 dut (
        .a(inputs[1:0]),
        .b(inputs[3:2]),
        .p(got[3:0])
    );

    task check;
        begin
            {present, care, expected, inputs} = vectors[index];
            if (present !== 1'b1 || ((got ^ expected) & care) !== {OUTPUTS{1'b0}}) begin
                failed = failed + 1;
                if (failed <= 10)
                    $display("MISMATCH vector=%0d inputs=%b care=%b expected=%b got=%b",
                             index, inputs, care, expected, got);
            end
        end
    endtask

    initial begin
        if ($test$plusargs("vcd")) begin
            $dumpfile("multiplier_2.vcd");
            $dumpvars(0, tb_multiplier_2);
        end
        failed = 0;
        loaded = 0;
        // a two-state simulator has no X to mark what the file does not fill
        for (index = 0; index < VECTORS; index = index + 1) vectors[index] = {WIDTH{1'b0}};
        $readmemb("multiplier_2_vectors.mem", vectors);
        for (index = 0; index < VECTORS; index = index + 1) begin
            {present, care, expected, inputs} = vectors[index];
            if (present === 1'b1) loaded = loaded + 1;
        end
        for (index = 0; index < VECTORS; index = index + 1) begin
            {present, care, expected, inputs} = vectors[index];
            #1;
            check;
        end
        if (loaded != VECTORS)
            $display("ERROR: read %0d of %0d vectors from multiplier_2_vectors.mem", loaded, VECTORS);
        if (failed != 0) begin
            $display("FAIL %0d of %0d", failed, VECTORS);
            $fatal(1);
        end
        else begin
            $display("PASS %0d vectors", VECTORS);
            $finish;
        end
    end
endmodule

`default_nettype wire
