module \$lut (A, Y);
    parameter WIDTH = 0;
    parameter LUT = 0;
    input [WIDTH-1:0] A;
    output Y;
    localparam [15:0] INIT = WIDTH == 1 ? {8{LUT[1:0]}} : WIDTH == 2 ? {4{LUT[3:0]}} :
                             WIDTH == 3 ? {2{LUT[7:0]}} : LUT[15:0];
    wire [3:0] padded = A;
    SB_LUT4 #(.LUT_INIT(INIT)) _TECHMAP_REPLACE_ (
        .O(Y), .I0(padded[0]), .I1(padded[1]), .I2(padded[2]), .I3(padded[3])
    );
endmodule
