// What the primitives of the iCE40 do, before and after routing. An input that is left open is 0.
// Yosys, which proves the logic, reads only the tables and what joins them.
`timescale 1ns / 1ps
`ifdef YOSYS
`define PIN(pin) pin
`else
`define PIN(pin) (pin === 1'bz ? 1'b0 : pin)
`endif
module SB_LUT4 (output O, input I0, input I1, input I2, input I3);
    parameter [15:0] LUT_INIT = 16'd0;
    wire [7:0] by_3 = `PIN(I3) ? LUT_INIT[15:8] : LUT_INIT[7:0];
    wire [3:0] by_2 = `PIN(I2) ? by_3[7:4] : by_3[3:0];
    wire [1:0] by_1 = `PIN(I1) ? by_2[3:2] : by_2[1:0];
    assign O = `PIN(I0) ? by_1[1] : by_1[0];
endmodule
`ifndef YOSYS
module SB_DFF (output reg Q, input C, input D);
    always @(posedge C) Q <= D;
endmodule
module SB_DFFE (output reg Q, input C, input E, input D);
    always @(posedge C) if (E) Q <= D;
endmodule
module SB_DFFSR (output reg Q, input C, input R, input D);
    always @(posedge C) Q <= R ? 1'b0 : D;
endmodule
module SB_DFFSS (output reg Q, input C, input S, input D);
    always @(posedge C) Q <= S ? 1'b1 : D;
endmodule
module SB_DFFESR (output reg Q, input C, input E, input R, input D);
    always @(posedge C) if (E) Q <= R ? 1'b0 : D;
endmodule
module SB_DFFESS (output reg Q, input C, input E, input S, input D);
    always @(posedge C) if (E) Q <= S ? 1'b1 : D;
endmodule
module SB_IO (inout PACKAGE_PIN, input D_OUT_0, output D_IN_0);
    parameter [5:0] PIN_TYPE = 6'd0;
    parameter IO_STANDARD = "";
    parameter NEG_TRIGGER = 1'b0;
    parameter PULLUP = 1'b0;
    assign PACKAGE_PIN = PIN_TYPE[5:4] == 2'b01 ? D_OUT_0 : 1'bz;
    assign D_IN_0 = PACKAGE_PIN;
endmodule
module SB_GB (output GLOBAL_BUFFER_OUTPUT, input USER_SIGNAL_TO_GLOBAL_BUFFER);
    assign GLOBAL_BUFFER_OUTPUT = USER_SIGNAL_TO_GLOBAL_BUFFER;
endmodule
module ICESTORM_LC (output O, input I0, input I1, input I2, input I3, input CLK, input CEN, input SR);
    parameter [15:0] LUT_INIT = 16'd0;
    parameter DFF_ENABLE = 1'b0;
    parameter SET_NORESET = 1'b0;
    parameter ASYNC_SR = 1'b0;
    parameter NEG_CLK = 1'b0;
    parameter CARRY_ENABLE = 1'b0;
    parameter CIN_CONST = 1'b0;
    parameter CIN_SET = 1'b0;
    wire logic_out;
    reg stored;
    SB_LUT4 #(.LUT_INIT(LUT_INIT)) lut (.O(logic_out), .I0(I0), .I1(I1), .I2(I2), .I3(I3));
    assign O = DFF_ENABLE ? stored : logic_out;
    // A feature that this does not model must not go unnoticed.
    always @(posedge CLK)
        if (ASYNC_SR || NEG_CLK || CARRY_ENABLE) stored <= 1'bx;
        else if (CEN !== 1'b0) stored <= SR === 1'b1 ? SET_NORESET : logic_out;
endmodule
`endif
